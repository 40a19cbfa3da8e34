// SPDX-License-Identifier: Apache-2.0
package dev.samara.testing.live;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Shortens a script that shows a difference, as long as a difference of the same kind is left. Drops runs of steps,
 * long runs first, and then replaces steps with simpler ones.
 *
 * @param <S> a step
 * @param <D> a difference
 */
public final class Shrinker<S, D extends Difference<S>> {
    private final Language<S, D> language;
    private final long start = System.nanoTime();
    private final long nanos;
    private D shortest;

    private Shrinker(Language<S, D> language, D found, long nanos) {
        this.language = language;
        this.nanos = nanos;
        shortest = found;
    }

    /**
     * Returns the shortest difference that is found within a time.
     *
     * @param <S> a step
     * @param <D> a difference
     * @param language runs the shorter scripts
     * @param found the difference to shorten
     * @param nanos how long to search for a shorter one
     * @return a difference of the same kind
     * @throws IOException if the language cannot run a script
     */
    public static <S, D extends Difference<S>> D shrink(Language<S, D> language, D found, long nanos)
            throws IOException {
        D shortest = new Shrinker<>(language, found, nanos).shrink();
        D confirmed = shortest == found ? found : language.confirm(shortest);
        if (confirmed != null && confirmed.kind().equals(found.kind())) {
            return confirmed;
        }
        // Not confirmed. The language now runs scripts more carefully, so shrinking is retried once.
        return new Shrinker<>(language, found, nanos).shrink();
    }

    private D shrink() throws IOException {
        // First drops the steps after the one that shows the difference, unless the difference disappears without them.
        take(shortest.steps());
        int before;
        do {
            before = shortest.steps().size();
            drop();
            simplify();
        } while (shortest.steps().size() < before);
        return shortest;
    }

    private boolean isOver() {
        return System.nanoTime() - start > nanos;
    }

    private boolean take(List<S> steps) throws IOException {
        if (steps.isEmpty() || isOver()) {
            return false;
        }
        D other = language.again(shortest, List.copyOf(steps));
        if (other == null || !other.kind().equals(shortest.kind())) {
            return false;
        }
        shortest = other;
        return true;
    }

    private void drop() throws IOException {
        for (int length = Math.max(1, shortest.steps().size() / 2); length > 0; length /= 2) {
            int end = shortest.steps().size();
            while (end > 0 && !isOver()) {
                List<S> fewer = new ArrayList<>(shortest.steps());
                int from = Math.max(0, end - length);
                fewer.subList(from, end).clear();
                take(fewer);
                end = Math.min(from, shortest.steps().size());
            }
        }
    }

    private void simplify() throws IOException {
        for (int i = 0; i < shortest.steps().size(); i++) {
            while (i < shortest.steps().size() && simplify(i)) {
                // Repeated, because the simpler step may itself have simpler replacements.
            }
        }
    }

    private boolean simplify(int index) throws IOException {
        for (S simpler : language.simpler(shortest.steps().get(index))) {
            List<S> steps = new ArrayList<>(shortest.steps());
            steps.set(index, simpler);
            if (take(steps)) {
                return true;
            }
        }
        return false;
    }
}
