// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A page of a shared object that is created while the object's last mapping is removed. */
class LateSharedPageTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = LINUX.pageSize();
    private static final int RW = Protection.READ | Protection.WRITE;

    private final AtomicReference<@Nullable HookedFrames> store = new AtomicReference<>();
    private final Machine machine = Machine.builder()
            .memory(PAGE)
            .frameStore((shift, count) -> {
                HookedFrames made = new HookedFrames(shift, count);
                store.set(made);
                return made;
            })
            .build();
    private final AddressSpace space = machine.newSpace(LINUX);

    private long mapShared() {
        return space.mmap(0, PAGE, RW, MapFlags.SHARED | MapFlags.ANONYMOUS, null, 0);
    }

    private int store(long address) {
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            return cpu.memory().store(address, 8, 1);
        }
    }

    /**
     * Makes a fault of another thread wait where it fills a frame for the object, and unmaps the object concurrently.
     */
    private int unmapBesideAFault(long address) throws InterruptedException {
        HookedFrames.Hold hold = Objects.requireNonNull(store.get()).holdNextFill();
        AtomicInteger result = new AtomicInteger();
        Thread late = new Thread(() -> result.set(store(address)), "late");
        late.setDaemon(true);
        late.start();
        hold.reached.await();
        // No page is mapped, so neither the unmapping nor the end of the content waits for the fault.
        assertEquals(0, space.munmap(address, PAGE));
        machine.awaitQuiescence();
        hold.released.countDown();
        late.join();
        machine.awaitQuiescence();
        return result.get();
    }

    @Test
    @DisplayName(
            "I8: a fault that makes a page of a shared object whose last mapping has been taken away meanwhile leaves"
                    + " no frame in it")
    void late() throws InterruptedException {
        // The only frame was written to, so it is filled with zeros before it is reused.
        long before = mapShared();
        assertEquals(Fault.NONE, store(before));
        assertEquals(0, space.munmap(before, PAGE));
        machine.awaitQuiescence();
        assertEquals(0, machine.statistics().framesInUse());
        assertEquals(Fault.MAPERR, unmapBesideAFault(mapShared()));
        assertEquals(0, machine.statistics().framesInUse());
        assertEquals(Fault.NONE, store(mapShared()));
    }

    @Test
    @DisplayName("I8: nor does one that has to reclaim a frame first, and is in no reader section then")
    void lateAfterAReclaim() throws InterruptedException {
        PageCache cache = machine.newPageCache(LINUX, PAGE);
        CachedBacking file = new CachedBacking("/f", cache) {
            @Override
            protected boolean read(long page, int frame, FrameStore of) {
                return true;
            }
        };
        long read = space.mmap(0, PAGE, Protection.READ, MapFlags.SHARED, file, 0);
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            assertEquals(Fault.NONE, cpu.memory().load(read, 8));
        }
        assertEquals(0, space.munmap(read, PAGE));
        assertEquals(Fault.MAPERR, unmapBesideAFault(mapShared()));
        assertEquals(-1, cache.frameAt(0), "it was reclaimed");
        assertEquals(0, machine.statistics().framesInUse());
        assertEquals(Fault.NONE, store(mapShared()));
    }
}
