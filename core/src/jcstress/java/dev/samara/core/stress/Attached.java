// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.stress;

import dev.samara.core.internal.vma.VmArea;

/** An attached VMA with an open. */
final class Attached {
    final CountedOpen open = new CountedOpen();
    final VmArea vma = fresh();

    Attached() {
        vma.attach(open, null);
    }

    static VmArea fresh() {
        return VmArea.describe(0, 0x1000, 0, 0, null, null, null);
    }
}
