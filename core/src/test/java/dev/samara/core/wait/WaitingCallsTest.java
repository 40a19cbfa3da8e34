// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.wait;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The test is the executor's only thread: it runs tasks when it likes. */
@DisplayName("I9: a call that waits")
final class WaitingCallsTest {
    private final ArrayDeque<Runnable> tasks = new ArrayDeque<>();
    private final List<String> done = new ArrayList<>();

    /** How many tasks are not taken. */
    private int overflows;

    private final WaitingCalls calls = new WaitingCalls(task -> {
        if (overflows > 0) {
            overflows--;
            throw new StackOverflowError();
        }
        tasks.add(task);
    });

    private final class Call extends WaitingCall {
        private final String name;

        Call(String name) {
            this.name = name;
        }

        @Override
        protected boolean isReady() {
            return true;
        }

        @Override
        public void run() {
            done.add(name);
        }
    }

    private void runTasks() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }

    @Test
    @DisplayName("goes on once it is ready, and one task polls for all of them")
    void polled() {
        calls.add(new Call("a"));
        calls.add(new Call("b"));
        assertEquals(1, tasks.size());
        calls.attendAgain();
        assertEquals(1, tasks.size());
        runTasks();
        assertEquals(2, done.size(), done::toString);
        calls.attendAgain();
        assertEquals(0, tasks.size());
    }

    @Test
    @DisplayName("is polled again after the end of a stack has come in the way, without another one")
    void attendedAgain() {
        overflows = 3;
        assertThrows(StackOverflowError.class, () -> calls.add(new Call("a")));
        assertThrows(StackOverflowError.class, calls::attendAgain);
        assertThrows(StackOverflowError.class, calls::attendAgain);
        runTasks();
        assertEquals(List.of(), done);
        calls.attendAgain();
        runTasks();
        assertEquals(List.of("a"), done);
        calls.attendAgain();
        assertEquals(0, tasks.size());
    }

    @Test
    @DisplayName("is polled with the next one, too")
    void withTheNext() {
        overflows = 1;
        assertThrows(StackOverflowError.class, () -> calls.add(new Call("a")));
        calls.add(new Call("b"));
        calls.attendAgain();
        runTasks();
        assertEquals(2, done.size(), done::toString);
    }
}
