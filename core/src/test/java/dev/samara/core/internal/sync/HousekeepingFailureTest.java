// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.FirstFailure;
import dev.samara.testing.Share;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(FirstFailure.class)
@DisplayName("I9: the list of calls that wait")
final class HousekeepingFailureTest extends HousekeepingFixture {
    @Test
    @DisplayName("hands over a call that throws when it is asked: it goes on, and throws again; the others are polled")
    void throwsWhenAsked() {
        Scripted before = new Scripted(3);
        Scripted behind = new Scripted(3);
        Scripted failing = new Scripted(0) {
            @Override
            protected boolean isReady() {
                throw asked.getAndIncrement() == 0 ? new StackOverflowError("planted") : new AssertionError("again");
            }
        };
        List.of(behind, failing, before).forEach(this::add);
        poll();
        assertEquals(3, executor.given.size());
        assertSame(failing, executor.given.remove());
        assertEquals(1, failing.asked.get());
    }

    @Test
    @DisplayName("goes on behind a call that throws when it runs")
    void throwsWhenRun() throws InterruptedException {
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        Background background = new Background(thrown::add);
        Housekeeping list = new Housekeeping(background, background, null);
        IllegalStateException planted = new IllegalStateException("planted");
        Scripted late = new Scripted(50);
        list.add(late);
        list.add(new Scripted(1) {
            @Override
            public void run() {
                throw planted;
            }
        });
        Await.until("the other call has run", () -> late.ran.get() == 1);
        background.awaitQuiescence();
        assertEquals(List.of(planted), thrown);
        Scripted next = new Scripted(0);
        list.add(next);
        Await.until("the next call has run", () -> next.ran.get() == 1);
    }

    @Test
    @DisplayName("waits for memory for its task: the call is listed once, and polled once there is some")
    void noMemoryForTheTask() {
        executor.lackMemory(5);
        Scripted call = new Scripted(0);
        add(call);
        assertTrue(executor.failures.isEmpty());
        assertEquals(1, executor.given.size());
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("keeps a call for which there is no memory at the executor, and hands it over once there is some")
    void noMemoryForTheCall() {
        Scripted one = new Scripted(0);
        Scripted other = new Scripted(2);
        add(one);
        add(other);
        executor.lackMemory(3);
        poll();
        assertTrue(executor.failures.isEmpty());
        assertEquals(2, executor.given.size());
        assertTrue(executor.given.containsAll(List.of(one, other)), executor.given::toString);
    }

    @Test
    @DisplayName("keeps a call whose adding overflows the stack; the next one has it polled")
    void polledWithTheNext() {
        StackOverflowError planted = new StackOverflowError("planted");
        executor.failures.add(planted);
        Scripted first = new Scripted(0);
        assertSame(planted, assertThrows(StackOverflowError.class, () -> add(first)));
        assertTrue(executor.given.isEmpty());
        Scripted second = new Scripted(0);
        add(second);
        calls.attendAgain();
        poll();
        assertEquals(2, executor.given.size());
        assertTrue(executor.given.containsAll(List.of(first, second)), executor.given::toString);
    }

    @Test
    @DisplayName("has such a call polled without another one, as often as it takes")
    void attendedAgain() {
        for (int i = 0; i < 3; i++) {
            executor.failures.add(new StackOverflowError("planted"));
        }
        Scripted call = new Scripted(0);
        assertThrows(StackOverflowError.class, () -> add(call));
        assertThrows(StackOverflowError.class, calls::attendAgain);
        assertThrows(StackOverflowError.class, calls::attendAgain);
        assertTrue(executor.given.isEmpty());
        calls.attendAgain();
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
        calls.attendAgain();
        assertEquals(1, executor.given.size());
    }

    @Test
    @DisplayName("does not keep an interrupt, with which its thread would pause no more")
    void interrupted() {
        List<Boolean> flags = new ArrayList<>();
        Scripted call = new Scripted(3) {
            @Override
            protected boolean isReady() {
                flags.add(Thread.currentThread().isInterrupted());
                Thread.currentThread().interrupt();
                return super.isReady();
            }
        };
        add(call);
        poll();
        assertEquals(List.of(false, false, false, false), flags);
        assertTrue(Thread.interrupted(), "the last one");
    }

    @Test
    @DisplayName("has another task poll the calls of one that fails, or that is just about to end")
    void addedToOneThatFails() {
        AssertionError planted = new AssertionError("planted");
        Scripted added = new Scripted(0);
        Scripted first = new Scripted(0) {
            @Override
            protected boolean isReady() {
                calls.add(added);
                executor.failures.add(planted);
                return super.isReady();
            }
        };
        add(first);
        executor.given.clear();
        assertSame(planted, assertThrows(AssertionError.class, calls::run));
        poll();
        assertEquals(List.of(first, added), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("has another task hand over the calls that were ready when a hand-over has failed")
    void leftReady() {
        AssertionError planted = new AssertionError("planted");
        Scripted call = new Scripted(0);
        add(call);
        executor.given.clear();
        executor.failures.add(planted);
        assertSame(planted, assertThrows(AssertionError.class, calls::run));
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("remembers that such a task could not be started either")
    void leftUnattended() {
        Scripted call = new Scripted(0);
        add(call);
        executor.given.clear();
        executor.failures.add(new AssertionError("of the hand-over"));
        executor.failures.add(new StackOverflowError("of the start"));
        assertThrows(StackOverflowError.class, calls::run);
        assertTrue(executor.given.isEmpty());
        calls.attendAgain();
        poll();
        assertEquals(List.of(call), List.copyOf(executor.given));
    }

    @Test
    @DisplayName("reports an idle strategy that throws once, and pauses without it from then on")
    void idleThrows() throws InterruptedException {
        IllegalStateException planted = new IllegalStateException("planted");
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        Background background = new Background(thrown::add);
        Housekeeping list = new Housekeeping(background, background, moved -> {
            throw planted;
        });
        Scripted late = new Scripted(20);
        list.add(late);
        Await.until("the call has run", () -> late.ran.get() == 1);
        Scripted next = new Scripted(20);
        list.add(next);
        Await.until("the next call has run", () -> next.ran.get() == 1);
        background.awaitQuiescence();
        assertEquals(List.of(planted), thrown);
    }

    @Test
    @DisplayName("loses no call, and runs none twice, where steps meet the end of the stack")
    void withoutStack() throws InterruptedException {
        Housekeeping list = new Housekeeping(null, Runnable::run, null);
        List<Scripted> all = new ArrayList<>();
        List<Throwable> thrown = new CopyOnWriteArrayList<>();
        int rounds = Share.of("steps at the end of the stack", 4).steps(12);
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < 20; i++) {
                Scripted call = new Scripted(i % 3);
                all.add(call);
                list.add(call);
            }
            Thread deep = new Thread(null, () -> stepAtTheEnd(list), "deep", 1 << 18);
            deep.setUncaughtExceptionHandler((thread, uncaught) -> thrown.add(uncaught));
            deep.start();
            deep.join();
        }
        while (list.takenIfIdle() < 0) {
            list.doWork();
        }
        assertEquals(List.of(), thrown);
        all.forEach(call -> assertEquals(1, call.ran.get()));
    }

    /** Makes steps from the end of the stack upwards, each with one more stack frame of room. */
    @SuppressWarnings("InfiniteRecursion") // ends at the end of the stack
    private static void stepAtTheEnd(Housekeeping list) {
        try {
            stepAtTheEnd(list);
        } catch (StackOverflowError end) {
            // The caller makes the next step.
            return;
        }
        list.step();
    }
}
