// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lookup;

import dev.samara.core.vma.Vma;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Says whether an answer was right at some moment of its look-up. */
final class Judge {
    private Judge() {}

    /** Whether one of the versions {@code from..to} holds exactly that object, or nothing if it is null. */
    static boolean accepts(VersionRing ring, long from, long to, long address, @Nullable Vma answer) {
        for (long number = from; number <= to; number++) {
            if (ring.version(number).find(address) == answer) {
                return true;
            }
        }
        return false;
    }

    /** The verdict on a wrong answer, for people. */
    static WrongAnswer verdict(VersionRing ring, long from, long to, long address, @Nullable Vma answer) {
        Set<String> held = new LinkedHashSet<>();
        for (long number = from; number <= to; number++) {
            held.add(describe(ring.version(number).find(address)));
        }
        return new WrongAnswer(ring.line(to), address, String.join(" or ", held), describe(answer));
    }

    private static String describe(@Nullable Vma vma) {
        return vma == null ? "nothing" : vma + " @" + Integer.toHexString(System.identityHashCode(vma));
    }
}
