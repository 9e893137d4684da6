"""
The shop's tables.

Between them they use every common field type and the relations that a backup or a cleanup may get wrong:
UUID keys, references to the same table, many-to-many with and without a model of its own, generic
relations, a child table, a proxy, and a default manager that hides rows.
"""

import uuid

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone


class Note(models.Model):
    """A remark on any row; keys are text because some tables have numbers and others UUIDs."""

    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)
    object_id = models.CharField(max_length=64)
    target = GenericForeignKey("content_type", "object_id")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = (models.Index(fields=["content_type", "object_id"]),)


class Customer(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    # Null, not "": the column is unique, and many customers leave no number.
    phone = models.CharField(max_length=24, null=True, blank=True, unique=True)
    email = models.EmailField(blank=True)
    address = models.TextField(blank=True)
    born_on = models.DateField(null=True, blank=True)
    referred_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="referrals"
    )
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name


class Category(models.Model):
    name = models.CharField(max_length=80)
    slug = models.SlugField(unique=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    sku = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    name_khmer = models.CharField(max_length=120, blank=True)
    description = models.TextField(blank=True)
    image = models.ImageField(upload_to="products/", blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    stock = models.IntegerField(default=0)
    views = models.PositiveBigIntegerField(default=0)
    weight = models.FloatField("weight in kg", null=True, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    warranty = models.DurationField(null=True, blank=True)
    available_from = models.DateField(null=True, blank=True)
    order_before = models.TimeField("same-day dispatch until", null=True, blank=True)
    label = models.BinaryField("label for the printer", null=True, blank=True)
    maker_url = models.URLField(blank=True)
    is_active = models.BooleanField(default=True)
    categories = models.ManyToManyField(Category, related_name="products", blank=True)
    related_products = models.ManyToManyField("self", blank=True)
    notes = GenericRelation(Note)

    def __str__(self) -> str:
        return self.name


class DigitalProduct(Product):
    """A product that is a file: its row continues the one in the product table."""

    download = models.FileField(upload_to="downloads/")
    licence_days = models.SmallIntegerField(null=True, blank=True)


class Promotion(models.Model):
    name = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    products = models.ManyToManyField(Product, through="PromotionProduct", related_name="promotions")

    def __str__(self) -> str:
        return self.name


class PromotionProduct(models.Model):
    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE)
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    discount_percent = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["promotion", "product"], name="one_line_per_product"),)


class HeroSlide(models.Model):
    title = models.CharField(max_length=120)
    image = models.ImageField(upload_to="hero_slides/")
    video = models.FileField(upload_to="hero_slides/", blank=True)
    position = models.PositiveIntegerField(default=0)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.title


class Counter(models.Model):
    """The last number given out, so that two writers never give out the same one."""

    name = models.CharField(max_length=20, primary_key=True)
    value = models.BigIntegerField(default=0)


class Order(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=20, unique=True, help_text="MD000123")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    total = models.DecimalField("sum of the items", max_digits=12, decimal_places=2)
    placed_at = models.DateTimeField(default=timezone.now, db_index=True)
    deliver_on = models.DateField(null=True, blank=True)
    deliver_after = models.TimeField(null=True, blank=True)
    note = models.TextField(null=True, blank=True)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    notes = GenericRelation(Note)

    def __str__(self) -> str:
        return self.number


class PaidOrderManager(models.Manager):
    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(status=Order.Status.PAID)


class PaidOrder(Order):
    """The orders to pack; no table of its own."""

    objects = PaidOrderManager()

    class Meta:
        proxy = True


class OrderItem(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="order_items")
    quantity = models.PositiveIntegerField(default=1)
    unit_price = models.DecimalField(max_digits=10, decimal_places=2)


class OrderQRCode(models.Model):
    """The payment provider's image for one order; nobody can pay with it once it has expired."""

    order = models.OneToOneField(Order, on_delete=models.CASCADE, related_name="qr_code")
    qr_code_image = models.ImageField(upload_to="qr_codes/", blank=True)
    expires_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "order QR code"


class VisibleReviewManager(models.Manager):
    def get_queryset(self) -> models.QuerySet:
        return super().get_queryset().filter(is_deleted=False)


class Review(models.Model):
    """A deleted review stays in the table, with its photo; the default manager hides it."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews")
    customer = models.ForeignKey(Customer, null=True, blank=True, on_delete=models.SET_NULL)
    rating = models.SmallIntegerField()
    text = models.TextField(blank=True)
    photo = models.ImageField(upload_to="reviews/", blank=True)
    is_deleted = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = VisibleReviewManager()  # the first one is the default manager
    everything = models.Manager()
