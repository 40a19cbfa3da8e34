// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.MachineTasks;
import dev.samara.interleave.SteppedScenarios;
import dev.samara.interleave.schedule.Exploration;
import dev.samara.interleave.schedule.Scenario;
import dev.samara.interleave.schedule.Strategy;
import dev.samara.testing.Explored;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@DisplayName("The tasks of a machine under the scheduler")
@Tag("interleave")
@Timeout(1200)
@Explored(3)
final class TaskScenariosTest {
    /**
     * A task on its way to an executor that creates a thread for each task, concurrently with a check for quiescence.
     */
    static final class Asked extends SyncScenariosTest.Bodies {
        private final Background background = new Background(thrown -> {
            throw new AssertionError(thrown);
        });
        private final MachineTasks tasks =
                new MachineTasks(background, task -> new Thread(task).start(), false, moved -> {});
        private final AtomicInteger ended = new AtomicInteger();

        Asked() {
            thread("asker", () -> {
                tasks.execute(ended::incrementAndGet);
                background.endWhenQuiet();
                assertTrue(!tasks.isQuiet() || ended.get() == 1, "a task was passed");
            });
        }
    }

    /**
     * A task that submits another one, concurrently with a wait for quiescence whose thread runs the steps of the
     * housekeeping.
     */
    static final class Chain extends SyncScenariosTest.Bodies {
        private final MachineState machine = new MachineState(new MachineState.Settings(
                65530,
                256,
                MachineState.UNLIMITED,
                Long.MAX_VALUE,
                Long.MAX_VALUE,
                new MachineThreads(
                        report -> {
                            throw new AssertionError(report);
                        },
                        Long.MAX_VALUE,
                        task -> new Thread(task).start(),
                        moved -> {},
                        true),
                null));
        private final AtomicInteger ended = new AtomicInteger();

        Chain() {
            thread("waiter", () -> {
                machine.threads.tasks.execute(() -> {
                    machine.threads.tasks.execute(ended::incrementAndGet);
                    ended.incrementAndGet();
                });
                machine.threads.awaitQuiescence();
                assertEquals(2, ended.get());
            });
        }
    }

    private static Exploration.Result explore(Class<? extends Scenario> type, int bound) {
        Exploration exploration = SteppedScenarios.explore(type);
        return SteppedScenarios.result(type, exploration, Strategy.bounded(bound), 0);
    }

    @Test
    @DisplayName("a look whether all is quiet, and a wait for it, pass no task")
    void quiescence() {
        for (Class<? extends Scenario> type : List.of(Asked.class, Chain.class)) {
            Exploration.Result result = explore(type, 1);
            assertNull(result.failure(), result::toString);
            assertTrue(result.isComplete(), result::toString);
        }
    }
}
