// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageScan;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceIdentity;
import dev.samara.core.VmaRef;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.sweep.FailureKinds.Action;
import dev.samara.core.interleave.sweep.FailureKinds.Kind;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Mman;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;

/** The kinds of {@link FailureKinds} that are simple calls to a space, or accesses of a CPU. */
final class FailureCalls {
    static final int MOVE = Mman.MAYMOVE | Mman.MREMAP_FIXED;

    private static final long START = FailureScene.START;
    private static final long LENGTH = FailureScene.LENGTH;

    /** More pages than the initial capacity of a gather. */
    private static final int MANY_PAGES = 24;

    private static final long MANY = START + 64 * SpaceScenario.PAGE;

    /** Longer than the housekeeping's pause in a run. */
    private static final long STAY = 12_000_000;

    /** The name of the reference to the page table that a scene keeps. */
    private static final String HELD = "held";

    private static final long SECOND = START + SpaceScenario.PAGE;

    private FailureCalls() {}

    static void addTo() {
        addOfLayouts();
        addOfAccesses();
        addOfLooks();
        addOfReferences();
        FailureKinds.add("munmap-interrupted", FailureCalls::munmapInterrupted);
    }

    /**
     * Unmaps while the thread is interrupted: a call that need not wait is not rejected, and the interrupt flag stays
     * set.
     */
    private static Object munmapInterrupted(FailureScene scene, String label, Cpu cpu) {
        Thread.currentThread().interrupt();
        long result;
        boolean isKept;
        try {
            result = scene.state.space.munmap(START, LENGTH);
        } finally {
            isKept = Thread.interrupted();
        }
        if (!isKept) {
            throw new AssertionError("the interrupt is lost");
        }
        Thread.currentThread().interrupt();
        return result;
    }

    private static void addOfLayouts() {
        add("mmap", space -> space.mmap(START, LENGTH, SpaceScenario.RW, SpaceScenario.FIXED, null, 0));
        add("munmap", space -> space.munmap(START, LENGTH));
        Action munmapMany = (scene, label, cpu) -> scene.state.space.munmap(MANY, MANY_PAGES * SpaceScenario.PAGE);
        FailureKinds.add("munmap-many", new Kind(munmapMany).after(FailureCalls::mapMany));
        add("mremap", space -> space.mremap(START, LENGTH, LENGTH, MOVE, FailureScene.ELSEWHERE));
        add("mprotect", space -> space.mprotect(START, LENGTH, Mman.READ));
        add("widen", space -> space.mprotect(START, LENGTH, SpaceScenario.RW | Mman.EXEC));
        add("dontneed", space -> space.madvise(START, LENGTH, Mman.DONTNEED));
        add("guard", space -> space.madvise(START, LENGTH, Mman.GUARD_INSTALL));
        add("mlock", space -> space.mlock(START, LENGTH));
        FailureKinds.add("fork", FailureCalls::fork);
        FailureKinds.add("reap", FailureCalls::reap);
        add("close", FailureCalls::close);
    }

    private static void mapMany(FailureScene scene, Cpu cpu) {
        scene.state.space.mmap(MANY, MANY_PAGES * SpaceScenario.PAGE, SpaceScenario.RW, SpaceScenario.FIXED, null, 0);
        for (int i = 0; i < MANY_PAGES; i++) {
            SpaceScenario.store(cpu, MANY + i * SpaceScenario.PAGE, i);
        }
    }

    static Object fork(FailureScene scene, String label, Cpu cpu) {
        scene.state.children.put("child of " + label, scene.state.space.fork());
        return "forked";
    }

    /** Reaps, and returns the result. If it is 0, no private page is left. */
    static Object reap(FailureScene scene, String label, Cpu cpu) {
        try (PageTableRef held = scene.state.space.hold()) {
            return held.reap();
        }
    }

    static Object close(AddressSpace space) {
        space.close();
        return "closed";
    }

    private static void addOfAccesses() {
        FailureKinds.add("load", (scene, label, cpu) -> SpaceScenario.load(cpu, START));
        FailureKinds.add("read-fault", (scene, label, cpu) -> SpaceScenario.load(cpu, SECOND));
        FailureKinds.add("store", (scene, label, cpu) -> SpaceScenario.store(cpu, START, 0x57));
        FailureKinds.add("write-fault", (scene, label, cpu) -> SpaceScenario.store(cpu, SECOND, 0x58));
        Action inGuest = (scene, label, cpu) -> {
            String stored = SpaceScenario.store(cpu, START, 0x59);
            cpu.leaveGuest();
            return stored;
        };
        FailureKinds.addBehind("in-guest", FailureKinds.IN_GUEST, inGuest);
        // In the meantime, the other operations wait for the CPU, and the machine's threads check whether it left
        // GUEST.
        FailureKinds.addBehind(FailureKinds.STAYS, FailureKinds.IN_GUEST, (scene, label, cpu) -> {
            LockSupport.parkNanos(STAY);
            return inGuest.run(scene, label, cpu);
        });
    }

    private static void addOfLooks() {
        add("resolve", space -> Fault.toString(space.resolve(START, Mman.READ)));
        add("reference", space -> {
            try (VmaRef reference = space.acquire(START)) {
                return reference != null && reference.vma().contains(START);
            }
        });
        add("snapshot", space -> space.snapshot().find(START) != null);
        add(
                "residency",
                space -> space.residency().peak() >= 0 && space.smapsRollup().rss() >= 0);
        add("pagemap", space -> {
            long[] regions = new long[3 * 8];
            return space.pagemapScan(new PageScan().range(START, START + LENGTH), regions) >= 0
                    && space.pagemap(START, LENGTH, regions) == LENGTH / SpaceScenario.PAGE;
        });
        add("collect", space -> {
            List<Long> pages = new ArrayList<>();
            return space.collectDirty(START, LENGTH, pages::add) <= 2;
        });
        add("accessed", space -> {
            List<Long> pages = new ArrayList<>();
            return space.collectAccessed(START, LENGTH, pages::add) <= 2;
        });
    }

    /** Adds the references of all kinds to a space. Each operation releases its reference. */
    private static void addOfReferences() {
        FailureKinds.add("get", (scene, label, cpu) -> scene.isMapped(scene.state.space.get()));
        add("hold", space -> {
            try (PageTableRef held = space.hold()) {
                return held.pageTableBytes() > 0;
            }
        });
        add("grab", space -> {
            try (SpaceIdentity identity = space.grab()) {
                return identity.number();
            }
        });
        FailureKinds.add(
                "try-get",
                new Kind((scene, label, cpu) -> {
                            PageTableRef held = Objects.requireNonNull(scene.state.held.get(HELD));
                            AddressSpace got = held.tryGet();
                            return got == null ? "ended" : scene.isMapped(got);
                        })
                        .after((scene, cpu) ->
                                scene.state.held.computeIfAbsent(HELD, any -> scene.state.space.hold())));
    }

    /** The code of a call that needs only its space. */
    private interface Call {
        Object run(AddressSpace space);
    }

    private static void add(String name, Call call) {
        FailureKinds.add(name, (scene, label, cpu) -> call.run(scene.state.space));
    }
}
