// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.lookup;

import dev.samara.core.vma.Vma;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A thread that looks up addresses until the writer has finished and this thread has made a minimum number of
 * lookups.
 */
final class LookupThread implements Callable<Tally> {
    /** The minimum number of lookups of each reader, the last of which may be made after the writer has finished. */
    private static final long LEAST = 1_000;

    private static final int WRONG_KEPT = 5;

    /** The number of lookups after which the list of VMAs is read again. */
    private static final int SURVEY_INTERVAL = 256;

    private static final long PAGE = 4096;
    private static final int PAGES_AROUND = 4;
    private static final int ADDRESS_BITS = 47;

    private final int number;
    private final VersionRing ring;
    private final MappingLookup lookup;
    private final CountDownLatch ready;
    private final SplittableRandom random;
    private List<Vma> survey = List.of();

    LookupThread(int number, VersionRing ring, MappingLookup lookup, CountDownLatch ready) {
        this.number = number;
        this.ring = ring;
        this.lookup = lookup;
        this.ready = ready;
        random = new SplittableRandom(number);
    }

    @Override
    public Tally call() {
        ready.countDown();
        List<WrongAnswer> wrong = new ArrayList<>();
        long lookups = 0;
        long overlapping = 0;
        try {
            while (lookups < LEAST || !ring.isClosed()) {
                long from = ring.enter(number);
                if (lookups % SURVEY_INTERVAL == 0) {
                    survey = ring.version(from).vmas();
                }
                long address = choose();
                Vma answer = lookup.find(address);
                long to = ring.started();
                if (!ring.await(to)) {
                    break;
                }
                if (!Judge.accepts(ring, from, to, address, answer) && wrong.size() < WRONG_KEPT) {
                    wrong.add(Judge.verdict(ring, from, to, address, answer));
                }
                ring.leave(number);
                lookups++;
                overlapping += to > from ? 1 : 0;
            }
        } finally {
            // Executed even after an exception, because the writer must not wait for a reader that has ended.
            ring.leave(number);
        }
        return new Tally(lookups, overlapping, List.copyOf(wrong));
    }

    /**
     * Returns the next address: in half of the cases it is near the writer's address, in one of 16 cases it is random,
     * and otherwise it is at the edge of a random VMA.
     */
    private long choose() {
        int dice = random.nextInt(16);
        if (dice < 8) {
            return ring.target() + (random.nextInt(2 * PAGES_AROUND) - PAGES_AROUND) * PAGE;
        }
        Vma vma = dice < 15 ? anyVma() : null;
        if (vma == null) {
            return random.nextLong(1L << ADDRESS_BITS);
        }
        long edge = random.nextBoolean() ? vma.start() : vma.end();
        return random.nextBoolean() ? edge : edge - 1;
    }

    private @Nullable Vma anyVma() {
        return survey.isEmpty() ? null : survey.get(random.nextInt(survey.size()));
    }
}
