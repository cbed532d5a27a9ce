"""The rules of sale against the products: what must be known of a product before a rule can say whether it is about it."""

from __future__ import annotations

from collections.abc import Mapping

from device.config.draft import Draft
from device.config.faults import Faults, did_you_mean, shown
from device.domain.law import SalesRule, forbids
from device.domain.layout import Slot
from device.domain.products import Product


def check_rules(draft: Draft, products: Mapping[str, Product], faults: Faults) -> None:
    """Add what the rules do not allow, and what keeps them from being applied. Without rules there is nothing to say."""
    rules = [rule for _, rule in draft.of(SalesRule)]
    if not rules:
        return
    words = sorted({category for rule in rules for category in rule.categories})
    for gtin, product in products.items():
        if product.category is None and product.age_limit > 0:
            allowed = f"is required of a product with an age limit, because there are rules of sale; theirs are {', '.join(words)}"
            faults.add(f"product {gtin}, category", "", allowed)
        elif product.category is not None and product.category not in words and (hint := did_you_mean(product.category, words)):
            faults.add(f"product {gtin}, category", shown(product.category), f"is in no rule of sale{hint}")
    for path, slot in draft.of(Slot):
        for place, gtin in enumerate(slot.products):
            against = forbids(rules, products[gtin]) if gtin in products else None
            if against is not None:
                source = f" ({against.source})" if against.source else ""
                faults.add(f"{path}.products[{place}]", shown(gtin), f"is not sold from here: {against.name}{source}")
