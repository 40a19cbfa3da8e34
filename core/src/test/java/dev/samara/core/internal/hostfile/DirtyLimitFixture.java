// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.hostfile;

import static dev.samara.core.fixture.SpaceFixture.PAGE;

import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.internal.file.FilePages;
import dev.samara.core.internal.page.Pte;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import org.junit.jupiter.api.AfterEach;

/** A machine with small limits for the dirty pages of files, and with tasks that a test can hold. */
abstract class DirtyLimitFixture extends HostFileFixture {
    static final int LIMIT = 128;
    static final int BACKGROUND = LIMIT / 8;
    static final int MOST = LIMIT / 4;

    /** Holds tasks back while a test requests it. */
    static final class HeldTasks implements Executor {
        private final Queue<Runnable> held = new ArrayDeque<>();
        private boolean isHolding;

        @Override
        public void execute(Runnable task) {
            synchronized (this) {
                if (isHolding) {
                    held.add(task);
                    return;
                }
            }
            task.run();
        }

        synchronized void hold() {
            isHolding = true;
        }

        synchronized int count() {
            return held.size();
        }

        void release() {
            synchronized (this) {
                isHolding = false;
            }
            for (Runnable task = next(); task != null; task = next()) {
                task.run();
            }
        }

        private synchronized Runnable next() {
            return held.poll();
        }
    }

    final HeldTasks tasks;

    DirtyLimitFixture(HeldTasks tasks) {
        super(Machine.builder()
                .memory(512 * PAGE)
                .cacheLimit(LIMIT * PAGE)
                .dirtyRatio(0.125, 0.25)
                .executor(tasks)
                .writeBackEvery(Duration.ZERO)
                .reportWaitsLongerThan(Await.LONG)
                .reportShootdownsLongerThan(Await.LONG));
        this.tasks = tasks;
    }

    @AfterEach
    void releaseTasks() {
        tasks.release();
    }

    /** Returns the number of dirty pages of a file that is mapped at an address, or nowhere if the address is 0. */
    int dirty(HostFile file, long at) {
        FilePages pages = (FilePages) file.pageCache();
        int dirty = 0;
        for (long page = 0; page < pages.pages(); page++) {
            int frame = pages.frameAt(page);
            boolean is = frame >= 0 && pages.memory().frames().isDirty(frame);
            dirty += is || (at != 0 && Pte.has(fixture.pte(at + page * PAGE), Pte.PRESENT | Pte.DIRTY)) ? 1 : 0;
        }
        return dirty;
    }
}
