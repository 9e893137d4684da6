from django.contrib import admin

from app import models


class OrderItemInline(admin.TabularInline):
    model = models.OrderItem
    extra = 0
    raw_id_fields = ("product",)


@admin.register(models.Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("number", "customer", "status", "total", "placed_at")
    list_filter = ("status",)
    list_select_related = ("customer",)
    search_fields = ("number", "customer__name")
    raw_id_fields = ("customer",)
    inlines = (OrderItemInline,)


@admin.register(models.OrderQRCode)
class OrderQRCodeAdmin(admin.ModelAdmin):
    list_display = ("order", "expires_at", "qr_code_image")
    raw_id_fields = ("order",)


@admin.register(models.Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("name", "phone", "created_at")
    search_fields = ("name", "phone")
    raw_id_fields = ("referred_by",)


@admin.register(models.Product, models.DigitalProduct)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("sku", "name", "name_khmer", "price", "stock")
    search_fields = ("sku", "name", "name_khmer")


admin.site.register([models.Category, models.HeroSlide, models.Promotion, models.Review, models.Note])
