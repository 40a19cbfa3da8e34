// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.vma.Vma;
import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Decides whether the result of a lookup was right at some moment during the lookup. */
final class Judge {
    private static final long PAGE = 4096;

    private Judge() {}

    /**
     * Returns whether one of the versions {@code from..to} contains exactly this object at the address, or nothing if
     * {@code answer} is null. While an operation is in flight, ranges that it will merge are still separate. So a
     * concurrent lookup may also find a part of a range that exists after the operation.
     */
    static boolean accepts(VersionRing ring, long from, long to, long address, @Nullable Vma answer) {
        for (long number = from; number <= to; number++) {
            Vma held = ring.version(number).find(address);
            if (held == answer || (number > from && held != null && answer != null && isPart(held, answer))) {
                return true;
            }
        }
        return false;
    }

    /** Returns whether a VMA is a part of another VMA, which starts earlier or ends later. */
    private static boolean isPart(Vma whole, Vma part) {
        return whole.start() <= part.start()
                && part.end() <= whole.end()
                && part.length() < whole.length()
                && part.flags() == whole.flags()
                && part.backing() == whole.backing()
                && part.pageOffset() - whole.pageOffset() == (part.start() - whole.start()) / PAGE
                && Objects.equals(part.name(), whole.name());
    }

    /** Describes a wrong result for display. */
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
