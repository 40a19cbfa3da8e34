// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.vma.Vma;
import java.util.LinkedHashSet;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Decides whether an answer was right at some moment of its lookup. */
final class Judge {
    private static final long PAGE = 4096;

    private Judge() {}

    /**
     * Returns whether one of the versions {@code from..to} holds exactly that object, or nothing if it is null. While
     * an operation is in flight, ranges that it will join are still apart. A lookup beside it may therefore also find a
     * part of a range that it leaves.
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

    /** Returns whether a VMA is like another that begins earlier or ends later. */
    private static boolean isPart(Vma whole, Vma part) {
        return whole.start() <= part.start()
                && part.end() <= whole.end()
                && part.length() < whole.length()
                && part.flags() == whole.flags()
                && part.backing() == whole.backing()
                && part.pageOffset() - whole.pageOffset() == (part.start() - whole.start()) / PAGE
                && Objects.equals(part.name(), whole.name());
    }

    /** Describes a wrong answer, for people. */
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
