// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.State;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Writes through a direct open of a host file, which bypass the cache, concurrently with other calls. */
final class DirectWriteScenarios {
    private DirectWriteScenarios() {}

    /** One call writes 9 to a page. After both calls returned, each load from the page returns 9. */
    private abstract static class OfDirectOpen extends HostFileScenarios.OfHostFile {
        private final long page;
        private @Nullable HostFile direct;

        OfDirectOpen(long page) {
            this.page = page;
            calls().put("write", (state, cpu) -> "" + write(Objects.requireNonNull(direct, "before the beginning")));
        }

        private long write(HostFile to) {
            ByteBuffer bytes = ByteBuffer.allocateDirect((int) PAGE).order(ByteOrder.LITTLE_ENDIAN);
            return to.pwrite(bytes.putLong(0, 9).putLong(Long.BYTES, 9), page * PAGE);
        }

        /** Returns the offset in the page that is loaded at the end. */
        long judged() {
            return 0;
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            direct = host(state).openDirect();
        }

        @Override
        protected final void judge(State state, Cpu cpu) {
            String loaded = load(cpu, AT + page * PAGE + judged());
            if (!loaded.equals("9")) {
                throw new AssertionError("written 9, loaded " + loaded);
            }
        }
    }

    /** A fault on a page that is not in memory, concurrently with a write to the page. */
    static final class DirectWriteBesideLoad extends OfDirectOpen {
        DirectWriteBesideLoad() {
            // The first fault read the page after its own, too.
            super(2);
            calls().put("load", (state, cpu) -> load(cpu, AT + 2 * PAGE));
        }
    }

    /** A read of two pages that bypasses the cache, concurrently with a write to the second page. */
    static final class DirectWriteBesideRead extends OfDirectOpen {
        DirectWriteBesideRead() {
            super(3);
            calls().put("read", (state, cpu) -> {
                long[] read = readPages(state, 2, 2);
                return read[0] + " " + read[1];
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).channel.cacheByHost();
        }
    }

    /** The page was stored to through its entry, so the eviction puts the page back after it removed the entry. */
    static final class DirectWriteBesideEvictionInVain extends OfDirectOpen {
        DirectWriteBesideEvictionInVain() {
            super(0);
            calls().put("evict", (state, cpu) -> evict(state));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).fsync();
            store(cpu, AT, 8);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /**
     * A write to the last page of the file, concurrently with a fault on that page. The file contains only eight bytes
     * of the page.
     */
    static final class DirectWriteOverEndBesideLoad extends OfDirectOpen {
        DirectWriteOverEndBesideLoad() {
            super(2);
            calls().put("load", (state, cpu) -> load(cpu, AT + 2 * PAGE));
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).truncate(2 * PAGE + Long.BYTES);
        }

        @Override
        long judged() {
            // Beyond the previous end of the file.
            return Long.BYTES;
        }
    }

    /** Another page is stored to, and the file is saved and evicted. */
    static final class DirectWriteBesideSave extends OfDirectOpen {
        DirectWriteBesideSave() {
            super(2);
            calls().put("save", (state, cpu) -> {
                store(cpu, AT + 3 * PAGE, 8);
                host(state).fsync();
                host(state).evict();
                return "saved";
            });
        }
    }
}
