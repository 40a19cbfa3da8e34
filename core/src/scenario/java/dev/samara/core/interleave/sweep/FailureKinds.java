// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.HeapFrames;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.PendingCall;
import dev.samara.interleave.failure.FailurePoints;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** The kinds of operations into which failures are injected. */
final class FailureKinds {
    private static final int MOVE = FailureCalls.MOVE;

    /** What a call that was rejected or threw may have done. */
    enum Rule {
        /** The call changed nothing. */
        UNCHANGED,
        /** The call took effect, completely or for some of its pages, or changed nothing. */
        MAY_BE_DONE,
        /** As {@link #MAY_BE_DONE}, but an OutOfMemoryError means that the call changed nothing. */
        MAY_BE_DONE_WITH_MEMORY
    }

    /** What a scene contains in addition to its memory. */
    enum Needs {
        NOTHING,
        DEVICE,
        /** An embedder's executor, which runs the tasks of the machine. */
        EXECUTOR,
        /** All free frames. The operation is not repeated, because a CPU that was handed over keeps some of them. */
        FRAMES
    }

    /** The code of an operation. */
    interface Action {
        Object run(FailureScene scene, String label, Cpu cpu);
    }

    /** Prepares a part of a scene. */
    interface Preparation {
        void run(FailureScene scene, Cpu cpu);
    }

    /**
     * A kind of operation.
     *
     * @param ground the ground on which the operation works
     * @param ends whether its thread ends, with the CPU in the state in which the operation left it
     * @param preparation prepares the scene, before the threads start
     * @param before prepares the operation's thread
     */
    record Kind(
            Rule rule,
            Ground ground,
            Needs needs,
            boolean ends,
            Preparation preparation,
            Preparation before,
            Action action) {
        Kind(Action action) {
            this(Rule.UNCHANGED, Ground.ANONYMOUS, Needs.NOTHING, false, NOTHING, NOTHING, action);
        }

        void prepare(FailureScene scene, Cpu cpu) {
            preparation.run(scene, cpu);
        }

        void before(FailureScene scene, Cpu cpu) {
            before.run(scene, cpu);
        }

        String run(FailureScene scene, String label, Cpu cpu) {
            try {
                return String.valueOf(action.run(scene, label, cpu));
            } catch (MmException refused) {
                return refused.errno().name();
            }
        }

        Kind by(Rule other) {
            return new Kind(other, ground, needs, ends, preparation, before, action);
        }

        Kind on(Ground other) {
            return new Kind(rule, other, needs, ends, preparation, before, action);
        }

        Kind with(Needs other) {
            return new Kind(rule, ground, other, ends, preparation, before, action);
        }

        /** Returns the kind of an operation whose thread ends directly after it. */
        Kind ending() {
            return new Kind(rule, ground, needs, true, preparation, before, action);
        }

        Kind after(Preparation other) {
            return new Kind(rule, ground, needs, ends, other, before, action);
        }

        Kind behind(Preparation other) {
            return new Kind(rule, ground, needs, ends, preparation, other, action);
        }

        /** Returns whether the CPU is in GUEST before the operation starts. */
        boolean isInGuest() {
            return before == IN_GUEST;
        }

        /** Returns whether the thread may wait for CPUs in GUEST before the operation starts. */
        boolean waitsBefore() {
            return before == MISSES_A_FLUSH;
        }

        /** Returns whether the operation may have taken effect although it reported a failure to its caller. */
        boolean mayBeDone(@Nullable String told) {
            return rule == Rule.MAY_BE_DONE || (rule == Rule.MAY_BE_DONE_WITH_MEMORY && !EXHAUSTED.equals(told));
        }
    }

    private static final String EXHAUSTED = OutOfMemoryError.class.getSimpleName();

    /** The kind whose CPU stays in GUEST briefly, so that the other operation waits. It works on each ground. */
    static final String STAYS = "stays-in-guest";

    private static final Map<String, Kind> KINDS = new LinkedHashMap<>();
    private static final Preparation NOTHING = (scene, cpu) -> {};

    /** Enters GUEST, with a translation. */
    static final Preparation IN_GUEST = (scene, cpu) -> {
        cpu.enterGuest();
        SpaceScenario.load(cpu, FailureScene.START);
    };

    private static final Preparation MISSES_A_FLUSH = (scene, cpu) -> {
        SpaceScenario.load(cpu, FailureScene.START);
        cpu.onFlush((start, end, reason, generation) -> {});
        scene.state.space.collectAccessed(FailureScene.START, FailureScene.LENGTH, page -> {});
    };

    private FailureKinds() {}

    static {
        FailureCalls.addTo();
        addOfLayouts();
        addOfAccesses();
        addOfDevices();
        addOfCpus();
        GroundCalls.addTo();
        EndingCalls.addTo();
        BorrowCalls.addTo();
        // As on Linux, the range is locked even if pages cannot be faulted in, which the result reports.
        rule("mlock", Rule.MAY_BE_DONE_WITH_MEMORY);
        // A second close continues, and no mapping shows the image.
        rule("image-close", Rule.MAY_BE_DONE);
        // As on Linux, the mapping stays even if the store throws when its pages are faulted in.
        rule("populate", Rule.MAY_BE_DONE_WITH_MEMORY);
        // The mark is set first, and stays set.
        rule("reap", Rule.MAY_BE_DONE);
        // The CPU stores first, and then leaves GUEST.
        rule("in-guest", Rule.MAY_BE_DONE);
        rule(STAYS, Rule.MAY_BE_DONE);
        // The bytes may be written although the CPU that wrote them could not be returned.
        rule("write", Rule.MAY_BE_DONE);
    }

    private static void rule(String name, Rule rule) {
        KINDS.computeIfPresent(name, (any, kind) -> kind.by(rule));
    }

    static void add(String name, Kind kind) {
        KINDS.put(name, kind);
    }

    static void add(String name, Action action) {
        add(name, new Kind(action));
    }

    private static void add(String name, Preparation preparation, Action action) {
        add(name, new Kind(action).after(preparation));
    }

    /** Adds a kind whose thread runs a preparation before the operation. */
    static void addBehind(String name, Preparation before, Action action) {
        add(name, new Kind(action).behind(before));
    }

    private static void addWithDevice(String name, Action action) {
        add(name, new Kind(action).with(Needs.DEVICE));
    }

    private static void addOfLayouts() {
        add(
                "populate",
                (scene, label, cpu) -> scene.state.space.mmap(
                        FailureScene.START,
                        FailureScene.LENGTH,
                        SpaceScenario.RW,
                        SpaceScenario.FIXED | Mman.POPULATE,
                        null,
                        0));
        add(
                "mmap-async",
                (scene, label, cpu) -> completed(scene.state.space.mmapAsync(
                        FailureScene.START, FailureScene.LENGTH, SpaceScenario.RW, SpaceScenario.FIXED, null, 0)));
        add(
                "mremap-async",
                (scene, label, cpu) -> completed(scene.state.space.mremapAsync(
                        FailureScene.START, FailureScene.LENGTH, FailureScene.LENGTH, MOVE, FailureScene.ELSEWHERE)));
        Action munmapAsync = (scene, label, cpu) ->
                completed(scene.state.space.munmapAsync(FailureScene.START, FailureScene.LENGTH));
        add("munmap-async", munmapAsync);
        add("munmap-executor", new Kind(munmapAsync).with(Needs.EXECUTOR));
        Action munmap = (scene, label, cpu) -> scene.state.space.munmap(FailureScene.START, FailureScene.LENGTH);
        add(
                "munmap-told",
                (scene, cpu) -> {
                    scene.register(new FailureListener(scene.state));
                    scene.register(scene.state.space.addNotifier((start, end, reason) -> {}));
                },
                munmap);
        add("munmap-told-in-part", (scene, cpu) -> scene.listenToParts(), munmap);
        add(
                "unguard",
                (scene, cpu) -> scene.state.space.madvise(FailureScene.START, FailureScene.LENGTH, Mman.GUARD_INSTALL),
                (scene, label, cpu) ->
                        scene.state.space.madvise(FailureScene.START, FailureScene.LENGTH, Mman.GUARD_REMOVE));
        add("machine", (scene, label, cpu) -> {
            Machine machine = Machine.builder()
                    .memory(4 * SpaceScenario.PAGE)
                    .frameStore(HeapFrames::new)
                    .build();
            AddressSpace space = machine.newSpace(SpaceScenario.LINUX);
            space.mmap(FailureScene.START, FailureScene.LENGTH, SpaceScenario.RW, SpaceScenario.FIXED, null, 0);
            try (Cpu other = machine.claimCpu()) {
                other.switchTo(space);
                return SpaceScenario.store(other, FailureScene.START, 0x60);
            }
        });
        add("image-close", FailureScene::openImage, (scene, label, cpu) -> {
            scene.image().close();
            return "closed";
        });
        add("new-space", (scene, label, cpu) -> {
            AddressSpace made = scene.state.machine.newSpace(SpaceScenario.LINUX);
            scene.state.children.put("of " + label, made);
            return "made";
        });
    }

    static String completed(PendingCall call) {
        CompletableFuture<Long> future = call;
        long result = call.result();
        try {
            long completed = future.join();
            return completed == result ? Long.toString(result) : result + ", completed with " + completed;
        } catch (CompletionException failed) {
            if (!FailurePoints.isCauseOf(failed)) {
                throw failed;
            }
            // The result counts: an Error after publication does not change it.
            return Long.toString(result);
        }
    }

    private static void addOfAccesses() {
        add(
                "copy-on-write",
                (scene, cpu) ->
                        scene.state.children.put("child " + scene.state.children.size(), scene.state.space.fork()),
                (scene, label, cpu) -> SpaceScenario.store(cpu, FailureScene.START, 0x61));
        add(
                "store-over-zero-page",
                (scene, cpu) -> SpaceScenario.load(cpu, FailureScene.START + SpaceScenario.PAGE),
                (scene, label, cpu) -> SpaceScenario.store(cpu, FailureScene.START + SpaceScenario.PAGE, 0x62));
        // In a different leaf than the page that was stored to, because a failed store may leave an anon_vma, as on
        // Linux.
        long far = SpaceScenario.AT + (1L << 30);
        long leaf = 512 * SpaceScenario.PAGE;
        add(
                "far-store",
                (scene, cpu) -> {
                    scene.state.space.mmap(far - leaf, 2 * leaf, SpaceScenario.RW, SpaceScenario.FIXED, null, 0);
                    SpaceScenario.store(cpu, far - leaf, 1);
                },
                (scene, label, cpu) -> SpaceScenario.store(cpu, far, 0x66));
        add("write", (scene, label, cpu) -> scene.state.space.write(FailureScene.START, new byte[] {0x63}, 0, 1));
        add(
                "store-watched",
                (scene, cpu) -> scene.register(scene.state.space.watch(FailureScene.START, 8, (address, length) -> {})),
                (scene, label, cpu) -> SpaceScenario.store(cpu, FailureScene.START, 0x64));
    }

    private static void addOfDevices() {
        int shared = Mman.SHARED | Mman.FIXED;
        addWithDevice(
                "device-map",
                (scene, label, cpu) -> scene.state.space.mmap(
                        FailureScene.START, FailureScene.LENGTH, SpaceScenario.RW, shared, scene.device(), 0));
        addWithDevice(
                "device-unmap-half",
                (scene, label, cpu) ->
                        scene.state.space.munmap(FailureScene.DEVICE + SpaceScenario.PAGE, SpaceScenario.PAGE));
        addWithDevice(
                "device-move",
                (scene, label, cpu) -> scene.state.space.mremap(
                        FailureScene.DEVICE,
                        FailureScene.LENGTH,
                        FailureScene.LENGTH,
                        MOVE,
                        FailureScene.DEVICE_ELSEWHERE));
        addWithDevice("device-load", (scene, label, cpu) -> SpaceScenario.load(cpu, FailureScene.DEVICE));
        addWithDevice("device-store", (scene, label, cpu) -> SpaceScenario.store(cpu, FailureScene.DEVICE, 0x65));
        addWithDevice("device-fork", FailureCalls::fork);
        // The child contains the pages of both mappings before its open is rejected.
        add(
                "fork-refused",
                new Kind((scene, label, cpu) -> scene.device().refusing(() -> FailureCalls.fork(scene, label, cpu)))
                        .with(Needs.DEVICE));
        addWithDevice("device-close", (scene, label, cpu) -> FailureCalls.close(scene.state.space));
    }

    private static void addOfCpus() {
        add("claim", (scene, label, cpu) -> {
            try (Cpu other = scene.state.machine.claimCpu()) {
                other.switchTo(scene.state.space);
                return SpaceScenario.load(other, FailureScene.START);
            }
        });
        add("switch", (scene, label, cpu) -> {
            cpu.switchTo(null);
            cpu.switchTo(scene.state.space);
            return SpaceScenario.load(cpu, FailureScene.START);
        });
        add("lazy", (scene, label, cpu) -> {
            cpu.enterLazy();
            cpu.switchTo(scene.state.space);
            return SpaceScenario.load(cpu, FailureScene.START);
        });
        add("hand-over", (scene, label, cpu) -> {
            cpu.handOver();
            scene.unowned.add(cpu);
            cpu.claim();
            scene.unowned.remove(cpu);
            return SpaceScenario.load(cpu, FailureScene.START);
        });
        Action guest = (scene, label, cpu) -> {
            cpu.enterGuest();
            String loaded = SpaceScenario.load(cpu, FailureScene.START);
            cpu.leaveGuest();
            return loaded;
        };
        addBehind("guest", MISSES_A_FLUSH, guest);
    }

    /** Returns the names of all kinds. */
    static List<String> names() {
        return List.copyOf(KINDS.keySet());
    }

    static Kind of(String name) {
        Kind kind = KINDS.get(name);
        if (kind == null) {
            throw new IllegalArgumentException("no kind " + name);
        }
        return kind;
    }
}
