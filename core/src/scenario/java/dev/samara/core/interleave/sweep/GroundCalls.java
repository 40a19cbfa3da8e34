// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.sweep.FailureKinds.Action;
import dev.samara.core.interleave.sweep.FailureKinds.Kind;
import dev.samara.core.interleave.sweep.FailureKinds.Needs;
import dev.samara.core.interleave.sweep.FailureKinds.Rule;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * The operations of {@link FailureKinds} on grounds other than private memory. The name of an operation ends with the
 * name of its ground.
 */
final class GroundCalls {
    private static final long START = FailureScene.START;
    private static final long LENGTH = FailureScene.LENGTH;
    private static final long PAGE = SpaceScenario.PAGE;
    private static final long OFFSET = START - SpaceScenario.AT;

    /** The offset of a page for which a file's index does not contain a node yet. */
    private static final long FAR = 600 * SpaceScenario.PAGE;

    /** The length of a mapping of another space that needs more frames than are free. */
    private static final long OTHER_LENGTH = FailureScene.FRAMES * PAGE;

    private GroundCalls() {}

    static void addTo() {
        for (Ground ground : List.of(
                Ground.SHARED_ANONYMOUS,
                Ground.PRIVATE_FILE,
                Ground.SHARED_FILE,
                Ground.CACHED_FILE,
                Ground.HOST_FILE)) {
            addOfPages(ground);
            if (ground.hasHoles()) {
                // Page by page, like the contents of a file.
                add(
                        "remove",
                        ground,
                        Rule.MAY_BE_DONE,
                        (scene, label, cpu) -> scene.state.space.madvise(START, LENGTH, Mman.REMOVE));
            }
            if (ground.hasFile()) {
                addOfFiles(ground);
            }
        }
        addReclaim(Ground.CACHED_FILE);
        addReclaim(Ground.HOST_FILE);
        addOfHostFile();
        addOfHeap();
        addOfEarlyReuse();
    }

    private static void add(String name, Ground ground, Rule rule, Action action) {
        FailureKinds.add(name + '@' + ground, new Kind(action).on(ground).by(rule));
    }

    private static void add(String name, Ground ground, Action action) {
        add(name, ground, Rule.UNCHANGED, action);
    }

    private static void addOfPages(Ground ground) {
        add("munmap", ground, (scene, label, cpu) -> scene.state.space.munmap(START, LENGTH));
        add(
                "mremap",
                ground,
                (scene, label, cpu) ->
                        scene.state.space.mremap(START, LENGTH, LENGTH, FailureCalls.MOVE, FailureScene.ELSEWHERE));
        add("mprotect", ground, (scene, label, cpu) -> scene.state.space.mprotect(START, LENGTH, Mman.READ));
        add("dontneed", ground, (scene, label, cpu) -> scene.state.space.madvise(START, LENGTH, Mman.DONTNEED));
        add("collect", ground, (scene, label, cpu) -> scene.state.space.collectDirty(START, LENGTH, page -> {}) <= 2);
        add("fork", ground, FailureCalls::fork);
        add("reap", ground, Rule.MAY_BE_DONE, FailureCalls::reap);
        add("close", ground, (scene, label, cpu) -> FailureCalls.close(scene.state.space));
        add("store", ground, (scene, label, cpu) -> SpaceScenario.store(cpu, START, 0x81));
        add("read-fault", ground, (scene, label, cpu) -> SpaceScenario.load(cpu, START + PAGE));
        add("write-fault", ground, (scene, label, cpu) -> SpaceScenario.store(cpu, START + PAGE, 0x82));
    }

    private static void addOfFiles(Ground ground) {
        add(
                "mmap",
                ground,
                (scene, label, cpu) -> scene.state.space.mmap(
                        START,
                        LENGTH,
                        SpaceScenario.RW,
                        Mman.SHARED | Mman.FIXED,
                        scene.file().backing(),
                        OFFSET));
        add(
                "remap-file-pages",
                ground,
                (scene, label, cpu) -> scene.state.space.remapFilePages(START, PAGE, 0, 1, Mman.NONBLOCK));
        // The size is stored first, and a thread of the machine continues with the pages.
        add("truncate", ground, Rule.MAY_BE_DONE, (scene, label, cpu) -> {
            scene.file().truncate(OFFSET);
            return "truncated";
        });
        add("punch", ground, Rule.MAY_BE_DONE, (scene, label, cpu) -> {
            scene.file().punch(OFFSET, LENGTH);
            return "punched";
        });
        if (ground != Ground.CACHED_FILE && ground != Ground.HOST_FILE) {
            // A closed page cache would reject the reads of the final check.
            add("file-close", ground, Rule.MAY_BE_DONE, (scene, label, cpu) -> {
                scene.file().close();
                return "closed";
            });
        }
        add("pwrite", ground, (scene, label, cpu) -> scene.file().pwrite(GroundFile.bytes(0x83), OFFSET));
        add("pwrite-far", ground, (scene, label, cpu) -> scene.file().pwrite(GroundFile.bytes(0x84), FAR));
        add("pread", ground, (scene, label, cpu) -> scene.file().number(OFFSET));
    }

    private static void addReclaim(Ground ground) {
        FailureKinds.add(
                "reclaim@" + ground,
                new Kind(GroundCalls::reclaim)
                        .on(ground)
                        .with(Needs.FRAMES)
                        .after((scene, cpu) -> scene.state.other())
                        .behind(GroundCalls::takeAllFrames));
    }

    /**
     * Writes to fresh pages of another space until no frame is free. This runs before the operation, because a call
     * that needs more stack than a reclaim would hide how the reclaim behaves at the end of the stack.
     */
    private static void takeAllFrames(FailureScene scene, Cpu cpu) {
        scene.file().readClean();
        AddressSpace other = scene.state.other();
        other.mmap(SpaceScenario.AT, OTHER_LENGTH, SpaceScenario.RW, SpaceScenario.FIXED, null, 0);
        cpu.switchTo(other);
        long at = SpaceScenario.AT;
        while (scene.state.machine.statistics().framesInUse() < FailureScene.FRAMES) {
            String stored = SpaceScenario.store(cpu, at, 1);
            if (!stored.equals("stored")) {
                throw new AssertionError(stored);
            }
            at += PAGE;
        }
    }

    /** Writes to one more page, for which pages of the file must be reclaimed, and unmaps all pages. */
    private static Object reclaim(FailureScene scene, String label, Cpu cpu) {
        String stored = SpaceScenario.store(cpu, SpaceScenario.AT + OTHER_LENGTH - PAGE, 1);
        return stored.equals("stored") ? scene.state.other().munmap(SpaceScenario.AT, OTHER_LENGTH) : stored;
    }

    private static HostGroundFile host(FailureScene scene) {
        return (HostGroundFile) scene.file();
    }

    /** Adds the operations on a host file. The page that the scene wrote is dirty. */
    private static void addOfHostFile() {
        Ground ground = Ground.HOST_FILE;
        add("fsync", ground, (scene, label, cpu) -> host(scene).fsync());
        add("msync", ground, (scene, label, cpu) -> scene.state.space.msync(START, LENGTH, Mman.SYNC));
        add("evict", ground, (scene, label, cpu) -> {
            host(scene).evict();
            return "evicted";
        });
        // A fault on a page that is not in memory.
        add("far-fault", ground, (scene, label, cpu) -> {
            cpu.switchTo(scene.state.space);
            return SpaceScenario.load(cpu, START + 4 * PAGE);
        });
        add("willneed", ground, (scene, label, cpu) -> scene.state.space.madvise(START, LENGTH, Mman.WILLNEED));
        add("open", ground, (scene, label, cpu) -> {
            host(scene).open().close();
            return "opened and closed";
        });
        // The list of caches has room for ten caches without more memory. The scene's cache is the first one.
        FailureKinds.add(
                "first-read@" + ground,
                new Kind((scene, label, cpu) -> readLast(host(scene).openAnother()))
                        .on(ground)
                        .after((scene, cpu) -> {
                            for (int i = 1; i < 10; i++) {
                                readLast(host(scene).openAnother());
                            }
                        }));
        add("cut", ground, Rule.MAY_BE_DONE, (scene, label, cpu) -> {
            host(scene).truncate(OFFSET + 100);
            return "truncated";
        });
        add("grow", ground, Rule.MAY_BE_DONE, (scene, label, cpu) -> {
            host(scene).truncate(FAR);
            return "truncated";
        });
    }

    /** Reads only the last page. */
    private static Object readLast(HostFile file) {
        long read = file.pread(ByteBuffer.allocate(Long.BYTES), (Ground.PAGES - 1) * PAGE);
        return read == Long.BYTES ? "read" : Errno.of(read);
    }

    private static void addOfHeap() {
        long end = SpaceScenario.AT + GroundFile.LENGTH;
        add("brk", Ground.HEAP, (scene, label, cpu) -> brk(scene, START));
        add("brk-grow", Ground.HEAP, (scene, label, cpu) -> brk(scene, end + LENGTH));
        add("fork", Ground.HEAP, FailureCalls::fork);
    }

    /** Sets the break. A rejected call returns the unchanged break. */
    private static Object brk(FailureScene scene, long end) {
        return scene.state.space.brk(end) == end ? "set" : Errno.ENOMEM;
    }

    private static void addOfEarlyReuse() {
        add("munmap", Ground.EARLY_REUSE, (scene, label, cpu) -> scene.state.space.munmap(START, LENGTH));
        add(
                "mremap",
                Ground.EARLY_REUSE,
                (scene, label, cpu) ->
                        scene.state.space.mremap(START, LENGTH, LENGTH, FailureCalls.MOVE, FailureScene.ELSEWHERE));
        // Concurrently with the other operations, it may use a range whose munmap did not complete yet.
        add(
                "mmap",
                Ground.EARLY_REUSE,
                (scene, label, cpu) ->
                        scene.state.space.mmap(START, LENGTH, SpaceScenario.RW, SpaceScenario.FIXED, null, 0));
        add(
                "munmap-async",
                Ground.EARLY_REUSE,
                (scene, label, cpu) -> FailureKinds.completed(scene.state.space.munmapAsync(START, LENGTH)));
    }
}
