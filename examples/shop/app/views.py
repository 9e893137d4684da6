from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from app.models import HeroSlide, Product


def storefront(request: HttpRequest) -> HttpResponse:
    """Show the slides of today and the newest products."""
    slides = HeroSlide.objects.filter(starts_at__lte=timezone.now()).order_by("position")
    products = Product.objects.filter(is_active=True).order_by("-pk")[:24]
    return render(request, "app/storefront.html", {"slides": slides, "products": products})
