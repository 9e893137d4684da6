"""Words for people and goods, in Khmer and English."""

from random import Random

FAMILY_NAMES = (
    ("សុខ", "Sok"),
    ("ចាន់", "Chan"),
    ("គឹម", "Kim"),
    ("លី", "Ly"),
    ("ហេង", "Heng"),
    ("មាស", "Meas"),
    ("ពៅ", "Pov"),
    ("នួន", "Nuon"),
    ("ឈឹម", "Chhim"),
    ("កែវ", "Keo"),
)
GIVEN_NAMES = (
    ("សុភា", "Sophea"),
    ("ដារ៉ា", "Dara"),
    ("បូផា", "Bopha"),
    ("វិចិត្រ", "Vichet"),
    ("ស្រីមុំ", "Sreymom"),
    ("រតនា", "Rattana"),
    ("ពិសិដ្ឋ", "Piseth"),
    ("សុជាតា", "Socheata"),
    ("ធីតា", "Thida"),
    ("វណ្ណា", "Vanna"),
)
ADDRESSES = (
    "ផ្ទះលេខ ១២ ផ្លូវ ២៤០ សង្កាត់ចតុមុខ រាជធានីភ្នំពេញ",
    "No. 45, Street 271, Toul Tumpung, Phnom Penh",
    "ភូមិវត្តបូព៌ ក្រុងសៀមរាប",
    "Psar Nath, Battambang\n(behind the clock tower)",
    "ផ្លូវជាតិលេខ ៣ ក្រុងកំពត",
)
GOODS = (
    ("silk scarf", "ក្រមាសូត្រ", "textiles"),
    ("Kampot pepper", "ម្រេចកំពត", "food"),
    ("palm sugar", "ស្ករត្នោត", "food"),
    ("jasmine rice", "អង្ករផ្កាម្លិះ", "food"),
    ("lotus tea", "តែផ្កាឈូក", "drinks"),
    ("Mondulkiri coffee", "កាហ្វេមណ្ឌលគិរី", "drinks"),
    ("handbag", "កាបូប", "textiles"),
    ("rattan basket", "កន្ត្រកផ្តៅ", "home"),
    ("clay pot", "ឆ្នាំងដី", "home"),
    ("turmeric soap", "សាប៊ូរមៀត", "care"),
    ("bracelet", "ខ្សែដៃ", "jewellery"),
)
KINDS = ("small", "large", "red", "blue", "natural", "gift-wrapped", "classic", "limited")
ORDER_NOTES = (
    None,
    None,
    None,
    "",
    "Please call before delivery.",
    "សូមទូរស័ព្ទមកមុនពេលដឹកជញ្ជូន។",
    'Two gifts, wrapped separately: "for Ma" & "for Pa" 🎁',
    "Leave it at the guard's desk\nand send a photo.",
)
REVIEWS = (
    "ល្អណាស់!",
    "Beautiful work, fast delivery.",
    "",
    "The colour is not as in the picture.",
    "ពេញចិត្ត 👍",
)


def person(random: Random) -> tuple[str, str]:
    """Return a name as its owner writes it (Khmer or Latin), and a word for an e-mail address."""
    family_khmer, family = random.choice(FAMILY_NAMES)
    given_khmer, given = random.choice(GIVEN_NAMES)
    name = f"{family_khmer} {given_khmer}" if random.random() < 0.6 else f"{family} {given}"
    return name, f"{given}.{family}".lower()
