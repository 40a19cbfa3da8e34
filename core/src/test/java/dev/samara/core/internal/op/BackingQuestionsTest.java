// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.NamedBacking;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.Open;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The questions of one operation, over several attempts")
final class BackingQuestionsTest {
    private static final long PAGE = 0x1000;

    private static final class LoggingBacking extends NamedBacking {
        private final List<String> log = new CopyOnWriteArrayList<>();
        private @Nullable Errno answer;

        LoggingBacking() {
            super("/asked", 1);
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            log.add("open " + vma.start() / PAGE);
            if (vma.start() == 13 * PAGE) {
                throw new IllegalStateException("13");
            }
            return answer;
        }

        @Override
        public @Nullable Errno maySplit(Vma vma, long address) {
            log.add("cut " + vma.start() / PAGE + " at " + address / PAGE + ", kept "
                    + VmArea.of(vma).references());
            return answer;
        }

        @Override
        public void close(Vma vma) {
            log.add("close " + vma.start() / PAGE);
        }
    }

    private final LoggingBacking backing = new LoggingBacking();
    private final MachineState host = Layouts.host(100, 0, MachineState.UNLIMITED);
    private final BackingQuestions questions = new BackingQuestions(host);

    private VmArea vma(int page) {
        return VmArea.describe(page * PAGE, (page + 4) * PAGE, VmaFlags.READ, page, backing, null, null);
    }

    private void attempt(Runnable body, boolean answered) {
        questions.restart();
        body.run();
        assertEquals(answered, questions.areAnswered());
    }

    private void assertLog(String... lines) {
        assertEquals(List.of(lines), backing.log);
    }

    @Test
    @DisplayName("an attempt finds the answers to the questions of the attempt before it, as long as its questions are"
            + " equal")
    void answers() {
        VmArea attached = vma(0);
        attached.attach(null, null);
        Runnable asks = () -> {
            assertNull(questions.maySplit(attached, 2 * PAGE, attached));
            questions.open(vma(2), attached);
        };
        attempt(asks, false);
        assertLog();
        questions.put();
        assertLog("cut 0 at 2, kept 1", "open 2");
        assertEquals(0, attached.references());
        attempt(asks, true);
        questions.put();
        assertLog("cut 0 at 2, kept 1", "open 2");
    }

    @Test
    @DisplayName("an attempt that asks something else has the rest taken back, but not before its lock is let go of")
    void others() throws InterruptedException {
        attempt(
                () -> {
                    questions.open(vma(1), null);
                    questions.open(vma(2), null);
                },
                false);
        questions.put();
        attempt(
                () -> {
                    questions.open(vma(1), null);
                    questions.open(vma(7), null);
                },
                false);
        assertEquals(0, host.background().pending(), "an attempt holds the lock");
        assertLog("open 1", "open 2");
        questions.put();
        host.background().awaitQuiescence();
        assertEquals(List.of("close 2", "open 1", "open 2", "open 7"), sorted());
        attempt(() -> questions.open(vma(1), null), true);
        questions.takeBackUnused();
        host.background().awaitQuiescence();
        assertEquals(List.of("close 2", "close 7", "open 1", "open 2", "open 7"), sorted());
        questions.takeBackAll();
        host.background().awaitQuiescence();
        assertEquals(List.of("close 1", "close 2", "close 7", "open 1", "open 2", "open 7"), sorted());
    }

    private List<String> sorted() {
        return backing.log.stream().sorted().toList();
    }

    @Test
    @DisplayName("a refusal is kept as an answer, opens nothing, and ends the questions of this round")
    void refusal() {
        backing.answer = Errno.EIO;
        attempt(
                () -> {
                    questions.open(vma(1), null);
                    questions.open(vma(2), null);
                },
                false);
        questions.put();
        assertLog("open 1");
        questions.restart();
        BackingQuestions.Question refused = questions.open(vma(1), null);
        assertSame(Errno.EIO, refused.refusal());
        assertThrows(NullPointerException.class, refused::granted);
    }

    @Test
    @DisplayName("a question about a VMA that has been replaced meanwhile is not put")
    void replaced() {
        VmArea gone = vma(0);
        gone.attach(null, null);
        questions.restart();
        questions.maySplit(gone, PAGE, gone);
        gone.detach();
        questions.put();
        assertLog();
        assertFalse(questions.areAnswered());
    }

    @Test
    @DisplayName("a VMA in the place of one that was replaced before it could be asked about is asked about itself")
    void successor() {
        VmArea gone = vma(0);
        gone.attach(null, null);
        questions.restart();
        questions.maySplit(gone, PAGE, gone);
        gone.detach();
        questions.put();
        VmArea there = vma(0);
        there.attach(null, null);
        questions.restart();
        questions.maySplit(there, PAGE, there);
        questions.put();
        assertLog("cut 0 at 1, kept 1");
        assertTrue(questions.areAnswered());
    }

    @Test
    @DisplayName("an exception of a backing undoes everything, and is thrown")
    void thrown() throws InterruptedException {
        attempt(
                () -> {
                    questions.open(vma(1), null);
                    questions.open(vma(13), null);
                    questions.open(vma(2), null);
                },
                false);
        assertThrows(IllegalStateException.class, questions::put);
        host.background().awaitQuiescence();
        assertLog("open 1", "open 13", "close 1");
    }

    @Test
    @DisplayName("a granted open is the operation's to pass on, and is closed by the VMA or call that gives it up")
    void granted() throws InterruptedException {
        attempt(() -> questions.open(vma(1), null), false);
        questions.put();
        questions.restart();
        Open open = questions.open(vma(1), null).granted();
        questions.takeBackUnused();
        host.background().awaitQuiescence();
        assertLog("open 1");
        open.put();
        host.background().awaitQuiescence();
        assertLog("open 1", "close 1");
    }

    @Test
    @DisplayName("a backing without operations is not asked about a cut, and cannot be about an open")
    void withoutOperations() {
        VmArea anonymous = VmArea.describe(0, PAGE, VmaFlags.READ, 0, null, null, null);
        assertNull(questions.maySplit(anonymous, PAGE, anonymous));
        assertTrue(questions.areAnswered());
        assertThrows(IllegalStateException.class, () -> questions.open(anonymous, null));
    }
}
