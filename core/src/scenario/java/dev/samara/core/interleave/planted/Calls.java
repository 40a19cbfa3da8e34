// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.internal.page.Pte;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Calls on one written page, which the constructor of a subclass adds. */
abstract class Calls extends SpaceScenario {
    private final Map<String, Operation> calls = new LinkedHashMap<>();
    private final List<MemoryFile> files = new ArrayList<>();

    @Override
    protected final Map<String, Operation> calls() {
        return calls;
    }

    @Override
    protected void judgeQuiet(State state) {
        LayoutScenarios.awaitQuiescence(state);
        Remains.judge(state.machine, state.spaces(), files);
    }

    @Override
    protected void closeFiles() {
        files.forEach(MemoryFile::close);
    }

    @Override
    protected void prepare(State state, Cpu cpu) {
        mapPage(state, cpu, AT);
    }

    /** Creates a file of two pages, which is closed at the end. */
    final MemoryFile newFile(State state) {
        return onlyFile(state.machine.newFile("file", 1, LINUX, 2 * PAGE));
    }

    /** Creates a file of two pages to which seals can be added, and which is closed at the end. */
    final MemoryFile newSealableFile(State state) {
        return onlyFile(state.machine.newSealableFile("file", 1, LINUX, 2 * PAGE));
    }

    private MemoryFile onlyFile(MemoryFile file) {
        files.clear();
        files.add(file);
        return file;
    }

    /** Returns the most recently created file. */
    final MemoryFile file() {
        return files.get(0);
    }

    /** Maps a page, and writes 7 to it. */
    static void mapPage(State state, Cpu cpu, long at) {
        state.space.mmap(at, PAGE, RW, FIXED, null, 0);
        store(cpu, at, 7);
    }

    /** A thread whose CPU is in GUEST, with translations that it may use until the operation runs. */
    static class HoldsInGuest implements Operation {
        private final long[] addresses;

        HoldsInGuest(long... addresses) {
            this.addresses = addresses;
        }

        @Override
        public final void before(State state, Cpu cpu) {
            cpu.enterGuest();
            for (long address : addresses) {
                load(cpu, address);
            }
            state.inGuest.add(cpu);
        }

        /** Runs before the CPU leaves GUEST. */
        void beforeLeaving(State state, Cpu cpu) {}

        @Override
        public final String run(State state, Cpu cpu) {
            beforeLeaving(state, cpu);
            if (state.inGuest.remove(cpu)) {
                cpu.leaveGuest();
            }
            return "left";
        }
    }

    /** A call that removes rights: after it returns, no CPU has them. */
    record Revoking(Operation call, long start, long length, long rights) implements Operation {
        @Override
        public String run(State state, Cpu cpu) {
            return call.run(state, cpu);
        }

        @Override
        public void returned(State state, String result) {
            state.standStill.revoked(state.space, start, start + length, rights);
        }
    }

    /** Returns a close of the space, by a thread whose CPU leaves the space first. */
    static Operation close() {
        return (state, cpu) -> {
            cpu.switchTo(null);
            state.space.close();
            return "closed";
        };
    }

    /** Returns an unmapping. */
    static Operation munmap(long start, long length) {
        return new Revoking((state, cpu) -> "" + state.space.munmap(start, length), start, length, Pte.RIGHTS);
    }
}
