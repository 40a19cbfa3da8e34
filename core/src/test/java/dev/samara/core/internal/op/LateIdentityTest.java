// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.internal.vma.Life;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.AnonVma;
import dev.samara.core.vma.Vma;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class LateIdentityTest {
    private static Vma vma(long start, long end) {
        return Vma.mapping(start, end, Protection.READ | Protection.WRITE, start >>> 12, null, null, null);
    }

    @Test
    @DisplayName(
            "an identity that a VMA was given after its successors were made, and before it was taken out, is theirs")
    void handedOn() {
        Vma old = vma(0x1000, 0x5000);
        Vma low = MergeRules.part(old, 0x1000, 0x3000, old.flags(), 12);
        Vma high = MergeRules.part(old, 0x3000, 0x5000, old.flags(), 12);
        Vma elsewhere = vma(0x5000, 0x6000);
        Life.adoptIdentity(old, AnonVma.inherited());
        AnonVma identity = old.anonIdentity();
        AnonVmas.handOn(old, new Vma[] {low, high, elsewhere});
        assertSame(identity, low.anonIdentity());
        assertSame(identity, high.anonIdentity());
        assertNull(elsewhere.anonIdentity());
    }
}
