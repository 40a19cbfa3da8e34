// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.PageTableContexts;
import dev.samara.core.internal.sync.Background;
import dev.samara.core.internal.sync.Backlog;
import dev.samara.core.internal.sync.Housekeeping;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.vma.FrameStore;
import java.util.concurrent.TimeUnit;

/** Memories for tests: small chunks, frames poisoned when freed, and a reader that is waited for long is an error. */
public final class SmallMemory {
    /** Frames are made so many at a time. */
    public static final int CHUNK_SHIFT = 4;

    private SmallMemory() {}

    /** A memory of so many frames of 4 KiB. */
    public static MachineMemory of(int frames) {
        return of(12, frames);
    }

    /** A memory of so many frames of some size. */
    public static MachineMemory of(int pageShift, int frames) {
        return new MachineMemory(frames(pageShift, frames), rcu());
    }

    /** A memory in which only so many page table contexts can be in use. */
    public static MachineMemory withContexts(int frames, int contexts) {
        Shootdowns shootdowns = new Shootdowns(new Cpus(), Long.MAX_VALUE, message -> {});
        return leaveContexts(
                new MachineMemory(frames(12, frames), rcu(), shootdowns, 1, MachineMemory.UNCHECKED, null), contexts);
    }

    /** Takes the numbers of all page table contexts but a few, which remain to be made; returns the memory. */
    public static MachineMemory leaveContexts(MachineMemory memory, int contexts) {
        for (int taken = contexts; taken < PageTableContexts.MOST; taken++) {
            memory.owners().register();
        }
        return memory;
    }

    /** Frames alone. */
    public static Frames frames(int pageShift, int frames) {
        FrameStore store = new DirectFrames(pageShift, CHUNK_SHIFT, frames + 1);
        return new Frames(store, pageShift, CHUNK_SHIFT, frames, true);
    }

    /** Grace periods that no thread may delay. */
    public static Rcu rcu() {
        Background background = new Background(SmallMemory::fail);
        return new Rcu(new Rcu.Settings(
                background,
                new Housekeeping(background, background, null),
                new Backlog(1 << 10, Backlog.AtBound.WAIT, null),
                TimeUnit.MINUTES.toNanos(1),
                SmallMemory::fail));
    }

    private static void fail(Object what) {
        throw new AssertionError(what);
    }
}
