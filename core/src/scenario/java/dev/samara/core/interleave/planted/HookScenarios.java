// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.backing.PageHooks;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Host files with hooks. Pages that a hook has not seen are not written, and pages that a hook rejected are not read.
 */
final class HookScenarios {
    private HookScenarios() {}

    private static long number(ByteBuffer page) {
        return page.order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    }

    /** A file with hooks, whose first pages are mapped. */
    private abstract static class OfHookedFile extends HostFileScenarios.OfHostFile implements PageHooks {
        @Override
        protected void prepare(State state, Cpu cpu) {
            HostGroundFile file = HostGroundFile.hooked(state, this);
            state.file = file;
            state.space.mmap(AT, 4 * PAGE, RW, HostFileScenarios.SHARED, file.backing(), 0);
        }
    }

    /**
     * A save concurrent with a store whose log record is not forced. The first page of the file contains 100 at first,
     * and never a number that the log lacks. A save that finds such a number does not write the page.
     */
    static final class SaveBeforeLog extends OfHookedFile {
        private static final long LOGGED = 107;

        /** The last number that the log contains on its device. */
        private final AtomicLong logged = new AtomicLong();

        SaveBeforeLog() {
            calls().put("fsync", (state, cpu) -> {
                long saved = host(state).fsync();
                long has = host(state).channel.forcedNumber(0);
                if (has > logged.get()) {
                    throw new AssertionError("the file has " + has + ", the log " + logged.get());
                }
                if (saved == 0 && has != LOGGED) {
                    throw new AssertionError("saved, and the device has " + has);
                }
                return "" + saved;
            });
            calls().put("store", (state, cpu) -> store(cpu, AT, LOGGED + 1));
        }

        @Override
        public boolean beforeWrite(long offset, ByteBuffer page) {
            return offset != 0 || number(page) <= logged.get();
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            logged.set(LOGGED);
            store(cpu, AT, LOGGED);
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            long held = host(state).fsync();
            if (held != Errno.EAGAIN.result()) {
                throw new AssertionError("a page whose log is missing was saved: " + held);
            }
            logged.set(LOGGED + 1);
        }
    }

    /** Faults on a page that the hook rejects, concurrently with a write that replaces the whole page. */
    static final class LoadsOfRefusedPage extends OfHookedFile {
        private static final long REFUSED = 102;

        LoadsOfRefusedPage() {
            calls().put("loads", (state, cpu) -> {
                String first = loadRefused(cpu);
                return first + ' ' + loadRefused(cpu);
            });
            calls().put("write", (state, cpu) -> {
                loadRefused(cpu);
                ByteBuffer page = ByteBuffer.allocate((int) PAGE).order(ByteOrder.LITTLE_ENDIAN);
                return "" + host(state).pwrite(page.putLong(0, 8), 2 * PAGE);
            });
        }

        private static String loadRefused(Cpu cpu) {
            String loaded = load(cpu, AT + 2 * PAGE);
            if (loaded.equals("" + REFUSED)) {
                throw new AssertionError("a refused page was read");
            }
            return loaded;
        }

        /** One load may precede the write, and the other one may follow it. */
        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        public boolean afterRead(long offset, ByteBuffer page) {
            return number(page) != REFUSED;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            String loaded = loadRefused(cpu);
            if (!loaded.equals("8")) {
                throw new AssertionError("written 8, loaded " + loaded);
            }
        }
    }
}
