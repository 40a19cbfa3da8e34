// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** Shortens a script that differs: drops operations, then makes arguments simpler, as long as it still differs. */
final class Shrinker {
    private final Comparison comparison;
    private final long until;
    private Difference found;

    private Shrinker(Comparison comparison, Difference found, long until) {
        this.comparison = comparison;
        this.found = found;
        this.until = until;
    }

    /**
     * Returns the shortest difference that is found within a time.
     *
     * @param nanos the time
     */
    static Difference shrink(Comparison comparison, Difference found, long nanos) {
        Shrinker shrinker = new Shrinker(comparison, found, System.nanoTime() + nanos);
        shrinker.dropOperations();
        shrinker.simplify();
        shrinker.dropOperations();
        return shrinker.found;
    }

    private boolean isOver() {
        return System.nanoTime() - until > 0;
    }

    private boolean take(Script shorter) {
        if (isOver() || !Safety.isSafe(comparison.worlds().get(shorter.world()), shorter)) {
            return false;
        }
        Difference other = comparison.compare(shorter);
        if (other == null || !other.kind().equals(found.kind())) {
            return false;
        }
        found = other;
        return true;
    }

    private void dropOperations() {
        take(found.cut());
        for (int size = Math.max(1, found.script().operations().size() / 2); size >= 1; size /= 2) {
            int end = found.script().operations().size();
            while (end > 0 && !isOver()) {
                List<Operation> kept = new ArrayList<>(found.script().operations());
                int from = Math.max(0, end - size);
                kept.subList(from, Math.min(end, kept.size())).clear();
                if (!kept.isEmpty()) {
                    take(found.script().with(kept));
                }
                end = Math.min(from, found.script().operations().size());
            }
        }
    }

    private void simplify() {
        for (int i = 0; i < found.script().operations().size(); i++) {
            int arguments = found.script().operations().get(i).arguments().size();
            for (int argument = 0; argument < arguments; argument++) {
                for (long simpler : simpler(found.script().operations().get(i), argument)) {
                    List<Operation> changed = new ArrayList<>(found.script().operations());
                    changed.set(i, changed.get(i).with(argument, simpler));
                    if (take(found.script().with(changed))) {
                        break;
                    }
                    if (i >= found.script().operations().size()) {
                        return;
                    }
                }
            }
        }
    }

    private static Set<Long> simpler(Operation operation, int argument) {
        long value = operation.argument(argument);
        Set<Long> simpler = new TreeSet<>(Long::compareUnsigned);
        if (operation.verb().kinds().charAt(argument) == 'n') {
            simpler.add(0L);
            simpler.add(1L);
            simpler.add(0x1000L);
            simpler.add(0x2000L);
            for (long rest = value; rest != 0; rest &= rest - 1) {
                simpler.add(value & ~Long.lowestOneBit(rest));
            }
            simpler.removeIf(each -> Long.compareUnsigned(each, value) >= 0);
        }
        return simpler;
    }
}
