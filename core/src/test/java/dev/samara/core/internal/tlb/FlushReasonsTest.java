// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.tlb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.event.MmuNotifier.Reason;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("A flush that has several reasons is told with the strongest")
final class FlushReasonsTest {
    private static final List<Reason> STRONGEST_FIRST =
            List.of(Reason.UNMAPPED, Reason.REPLACED, Reason.DISCARDED, Reason.PROTECTED, Reason.OBSERVED);

    @Test
    @DisplayName("of two: unmapped, replaced, discarded, protected, observed")
    void pairs() {
        assertEquals(EnumSet.allOf(Reason.class), EnumSet.copyOf(STRONGEST_FIRST));
        for (int strong = 0; strong < STRONGEST_FIRST.size(); strong++) {
            Reason stronger = STRONGEST_FIRST.get(strong);
            for (Reason weaker : STRONGEST_FIRST.subList(strong, STRONGEST_FIRST.size())) {
                assertSame(stronger, FlushReasons.stronger(stronger, weaker));
                assertSame(stronger, FlushReasons.stronger(weaker, stronger));
            }
        }
    }
}
