// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Protection;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class LateIdentityTest {
    private static VmArea vma(long start, long end) {
        return new VmArea(start, end, Protection.READ | Protection.WRITE, start >>> 12, null, null, null);
    }

    @Test
    @DisplayName(
            "an identity that a VMA was given after its successors were made, and before it was taken out, is theirs")
    void handedOn() {
        VmArea old = vma(0x1000, 0x5000);
        VmArea low = VmaCut.part(old, 0x1000, 0x3000, old.flags(), 12);
        VmArea high = VmaCut.part(old, 0x3000, 0x5000, old.flags(), 12);
        VmArea elsewhere = vma(0x5000, 0x6000);
        old.adoptAnonVma(AnonVma.inherited());
        AnonVma identity = old.anonVma();
        AnonVmas.handOn(old, new VmArea[] {low, high, elsewhere});
        assertSame(identity, low.anonVma());
        assertSame(identity, high.anonVma());
        assertNull(elsewhere.anonVma());
    }
}
