from app.views import storefront
from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("", storefront, name="storefront"),
    path("admin/", admin.site.urls),
    # Only in debug mode; elsewhere the web server in front of the shop serves media.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
