// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.guest;

import dev.samara.core.internal.tlb.SoftTlb;
import org.jspecify.annotations.Nullable;

/**
 * The view of a CPU's TLB, and the memory whose TLB the view reads, which is the memory of the space that was served
 * last.
 */
final class TlbView {
    private final SoftTlb.View view;
    private @Nullable TranslatedMemory memory;

    TlbView(SoftTlb.View view, @Nullable TranslatedMemory served) {
        this.view = view;
        if (served == null) {
            SoftTlb.hide(view);
        } else {
            serve(served);
        }
    }

    /** Makes the view read the TLB of {@code next}, unless it already does. */
    void serve(TranslatedMemory next) {
        if (next != memory) {
            next.view(view);
            memory = next;
        }
    }

    /** Makes the view drop its references to the TLB and the region. */
    void hide() {
        memory = null;
        SoftTlb.hide(view);
        view.requests(null);
    }
}
