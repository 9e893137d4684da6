"""The shop itself: customers, products, orders and their payment QR codes."""
