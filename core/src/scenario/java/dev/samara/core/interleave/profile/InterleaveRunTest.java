// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.profile;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.interleave.pair.PairsRun;
import dev.samara.core.interleave.sweep.Failures;
import dev.samara.interleave.schedule.Deadline;
import dev.samara.interleave.schedule.ProfilePart;
import dev.samara.testing.Explored;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@DisplayName("The profile interleave ends in its time, and says what it has not done")
@Tag("interleave")
@Explored(4)
final class InterleaveRunTest {
    private static final int SECONDS = 1_000;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8);

    /** A part that ends immediately. */
    private static final class Instant implements ProfilePart {
        private final int failed;
        private final boolean isComplete;
        private long nanos;

        Instant(int failed, boolean isComplete) {
            this.failed = failed;
            this.isComplete = isComplete;
        }

        @Override
        public void run(Deadline deadline, PrintStream out) {
            nanos = deadline.nanos();
        }

        @Override
        public String progress() {
            return "looked";
        }

        @Override
        public int passed() {
            return 2;
        }

        @Override
        public int failed() {
            return failed;
        }

        @Override
        public boolean isComplete() {
            return isComplete;
        }
    }

    private boolean run(Instant first, Instant last) throws InterruptedException {
        List<InterleaveRun.Share> shares =
                List.of(new InterleaveRun.Share(first, 20), new InterleaveRun.Share(last, 0));
        return new InterleaveRun(shares, SECONDS, out).run();
    }

    private String printed() {
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    @DisplayName("a part has its share, and the last one has the rest")
    void shares() throws InterruptedException {
        Instant first = new Instant(0, true);
        Instant last = new Instant(0, false);
        assertTrue(run(first, last));
        long second = TimeUnit.SECONDS.toNanos(1);
        assertTrue(first.nanos > 0 && first.nanos <= SECONDS / 5 * second, () -> "" + first.nanos);
        assertTrue(last.nanos > first.nanos && last.nanos <= SECONDS * second, () -> "" + last.nanos);
        assertEquals(String.format("complete: looked%nnot complete: looked%n4 passed, 0 failed%n"), printed());
    }

    @Test
    @DisplayName("a failure of any part is one of the run")
    void failures() throws InterruptedException {
        assertFalse(run(new Instant(1, true), new Instant(0, true)));
        assertTrue(printed().endsWith(String.format("4 passed, 1 failed%n")), printed());
    }

    @Test
    @DisplayName("no part begins anything once its time is over")
    void over() throws InterruptedException {
        PairsRun.Schedules schedules = new PairsRun.Schedules("1", 100, 0);
        for (ProfilePart part :
                List.of(new Failures(0, 0, new Random(1)), new PairsRun("pairs", "/", schedules, 2, new Random(1)))) {
            part.run(Deadline.after(0), out);
            assertEquals(0, part.passed() + part.failed(), part::progress);
            assertFalse(part.isComplete(), part::progress);
        }
    }

    @Test
    @DisplayName("a part that has the time is complete")
    void complete() throws InterruptedException {
        PairsRun.Schedules schedules = new PairsRun.Schedules("0", 100, 0);
        PairsRun pairs = new PairsRun("pairs", "load/SAME/", schedules, 2, new Random(1));
        pairs.run(Deadline.NEVER, out);
        assertTrue(pairs.isComplete(), printed());
        assertTrue(pairs.passed() > 1 && pairs.failed() == 0, printed());
    }
}
