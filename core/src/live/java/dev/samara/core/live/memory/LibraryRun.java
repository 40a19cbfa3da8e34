// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.PageScan;
import dev.samara.core.ProcMaps;
import dev.samara.core.Usage;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.guest.GuestMemory;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Executes the operations of scripts with the library. */
final class LibraryRun implements AutoCloseable {
    private static final Geometry GEOMETRY = KernelWorld.GEOMETRY;
    private static final long PAGE = GEOMETRY.pageSize();
    private static final int SEGMENTS = 2;
    private static final int WORDS = 3;

    private final Place world;
    private final Cpu cpu;
    private final LibraryState state;
    private final TreeMap<Integer, AddressSpace> processes = new TreeMap<>();
    private final Map<FileName, Backing> opens = new EnumMap<>(FileName.class);
    private final Map<FileName, MemoryFile> files = new EnumMap<>(FileName.class);
    private final List<SharedSegment> segments = new ArrayList<>();
    private int next = 1;

    LibraryRun(Place world, int watch, Machine machine, Cpu cpu) {
        this.world = world;
        this.cpu = cpu;
        state = new LibraryState(world, watch, cpu);
        MemoryFile a = machine.newFile("/memfd:A (deleted)", 1, GEOMETRY, StartFile.A.size());
        MemoryFile b = machine.newSealableFile("/memfd:B (deleted)", 2, GEOMETRY, StartFile.B.size());
        for (FileName name : FileName.values()) {
            if (name.isMemory()) {
                files.put(name, name == FileName.B ? b : a);
            }
        }
        for (StartFile file : StartFile.values()) {
            MemoryFile stamped = file == StartFile.A ? a : b;
            for (int page : file.stamped()) {
                stamped.pwrite(new byte[] {(byte) file.stamp(page)}, 0, 1, page * PAGE);
            }
        }
        opens.put(FileName.A, a.open());
        opens.put(FileName.R, a.openReadOnly());
        opens.put(FileName.W, a.openWriteOnly());
        opens.put(FileName.B, b.open());
        opens.put(
                FileName.Z,
                OpenFile.named("/dev/zero").inode(0, 6, 4).zeroDevice().open());
        opens.put(
                FileName.D,
                OpenFile.named("/")
                        .inode(0, 1, 9)
                        .readOnly()
                        .unmappable()
                        .maximumSize(-1)
                        .open());
        for (int i = 0; i < SEGMENTS; i++) {
            long size = segmentSize(i);
            segments.add(new SharedSegment(i + 1, 0, size, machine.newPageCache(GEOMETRY, size)));
        }
        processes.put(0, start(world, machine));
    }

    static long segmentSize(int index) {
        return index == 0 ? 3 * PAGE : 10 * PAGE - 1;
    }

    private static AddressSpace start(Place world, Machine machine) {
        AddressSpaceBuilder builder = machine.space(GEOMETRY)
                .heap(world.brk(), world.brk())
                .stack(world.stack())
                .limit(Resource.MEMLOCK, world.bytes(Limit.MEMLOCK, -1));
        if (world.isPrivileged()) {
            builder.grant(Capability.IPC_LOCK, Capability.SYS_RAWIO);
        }
        List<Vma> vmas = ProcMaps.parse(
                GEOMETRY,
                world.areas().stream().map(Area::line).toList(),
                world.areas().stream().map(Area::flagsLine).toList(),
                ProcMaps.openOnce());
        return builder.load(vmas.stream().map(LibraryRun::asInherited).toList()).build();
    }

    /**
     * Returns the description of a mapping as a child inherits it from a parent that wrote to all of its private
     * memory.
     */
    private static Vma asInherited(Vma vma) {
        return vma.has(VmaFlags.MAYSHARE) || !vma.has(VmaFlags.WRITE)
                ? vma
                : VmArea.describe(
                        vma.start(),
                        vma.end(),
                        vma.flags(),
                        vma.pageOffset(),
                        vma.backing(),
                        vma.name(),
                        AnonVma.inherited());
    }

    /** Returns the living processes. */
    NavigableMap<Integer, AddressSpace> processes() {
        return processes;
    }

    /** Performs an operation, and records the layouts. */
    Outcome perform(Operation operation) {
        AddressSpace space = processes.get(operation.process());
        if (space == null) {
            return new Outcome("no process", List.of());
        }
        String result = result(operation, space);
        List<String> states = new ArrayList<>();
        processes.forEach((number, each) -> states.add(state.state(number, each)));
        return new Outcome(result, states);
    }

    /** Returns the number of the next child. */
    int nextProcess() {
        return next;
    }

    /** Ends the processes from a number on, so that the next child gets this number. */
    void endFrom(int number) {
        NavigableMap<Integer, AddressSpace> ended = processes.tailMap(number, true);
        ended.values().forEach(this::leave);
        ended.clear();
        next = number;
    }

    /** Performs an operation of a living process, and returns its result. */
    String result(Operation operation, AddressSpace space) {
        long[] a = operation.arguments().stream().mapToLong(Long::longValue).toArray();
        long base = world.base();
        return switch (operation.verb()) {
            case LOAD -> {
                GuestMemory memory = state.memory(space);
                int fault = memory.load(a[1], (int) a[0]);
                yield fault == Fault.NONE ? Notation.number(memory.value()) : fault(memory, fault);
            }
            case STORE -> {
                GuestMemory memory = state.memory(space);
                int fault = memory.store(a[1], (int) a[0], a[2]);
                yield fault == Fault.NONE ? "0x0" : fault(memory, fault);
            }
            case FORCED_READ -> {
                byte[] bytes = new byte[Long.BYTES];
                yield bytes(space.readForced(a[0], bytes, 0, bytes.length), bytes);
            }
            case FORCED_WRITE ->
                Notation.result(
                        operation.verb(), space.writeForced(a[0], KernelWorld.longs(a[1]), 0, Long.BYTES), base);
            case PREAD -> {
                byte[] bytes = new byte[(int) a[1]];
                yield bytes(file(a[0]).pread(bytes, 0, bytes.length, a[2]), bytes);
            }
            case PAGEMAP -> pagemap(space, a);
            case SCAN -> scan(space, a);
            case USAGE -> {
                Usage usage = space.usage();
                yield Exceptions.usage(
                        usage.total() * PAGE,
                        usage.data() * PAGE,
                        usage.stack() * PAGE,
                        usage.locked() * PAGE,
                        operation);
            }
            case FORK -> {
                processes.put(next++, space.fork());
                yield "0x0";
            }
            case EXIT -> {
                if (operation.process() != 0) {
                    leave(space);
                    processes.remove(operation.process());
                }
                yield "0x0";
            }
            default -> Notation.result(operation.verb(), call(operation.verb(), space, a), base);
        };
    }

    private long call(Verb verb, AddressSpace space, long[] a) {
        return switch (verb) {
            case MMAP -> space.mmap(a[0], a[1], (int) a[2], (int) a[3], opens.get(FileName.of(a[4])), a[5]);
            case MUNMAP -> space.munmap(a[0], a[1]);
            case MPROTECT -> space.mprotect(a[0], a[1], (int) a[2]);
            case MREMAP -> space.mremap(a[0], a[1], a[2], (int) a[3], a[4]);
            case MADVISE -> space.madvise(a[0], a[1], (int) a[2]);
            case MLOCK -> space.mlock(a[0], a[1]);
            case NAME -> space.setAnonymousName(a[0], a[1], a[2] == 0 ? null : "pool" + a[2]);
            case MLOCK2 -> space.mlock2(a[0], a[1], (int) a[2]);
            case MUNLOCK -> space.munlock(a[0], a[1]);
            case MLOCKALL -> space.mlockall((int) a[0]);
            case MUNLOCKALL -> space.munlockall();
            case MSYNC -> space.msync(a[0], a[1], (int) a[2]);
            case MINCORE -> space.mincore(a[0], a[1], new byte[1 << 13]);
            case MSEAL -> space.mseal(a[0], a[1], a[2]);
            case BRK -> space.brk(a[0]);
            case REMAP_FILE_PAGES -> space.remapFilePages(a[0], a[1], (int) a[2], a[3], (int) a[4]);
            case MDWE -> space.setMdwe(a[0]);
            case SHMAT -> space.shmat(segment(a[0]), a[1], (int) a[2]);
            case SHMDT -> space.shmdt(a[0]);
            case SHM_LOCK -> space.shmLock(segment(a[0]));
            case SHM_UNLOCK -> space.shmUnlock(segment(a[0]));
            case SHM_REMOVE -> remove(segment(a[0]));
            case LIMIT -> {
                space.setLimit(Limit.of(a[0]).resource(), world.bytes(Limit.of(a[0]), a[1]));
                yield 0;
            }
            case PRIVILEGES -> privileges(space, a[0]);
            case PWRITE -> {
                byte[] bytes = new byte[(int) a[2]];
                Arrays.fill(bytes, (byte) a[1]);
                yield file(a[0]).pwrite(bytes, 0, bytes.length, a[3]);
            }
            case TRUNCATE -> file(a[0]).truncate(a[1]);
            case PUNCH -> file(a[0]).punch(a[1], a[2]);
            case SEAL -> file(a[0]).addSeals((int) a[1]);
            default -> throw new IllegalArgumentException(verb.text());
        };
    }

    private static long remove(@Nullable SharedSegment segment) {
        if (segment == null || segment.isRemoved()) {
            return Errno.EINVAL.result();
        }
        segment.removeWhenDetached();
        return 0;
    }

    private static long privileges(AddressSpace space, long bits) {
        Capability[] all = Capability.values();
        for (int i = 0; i < all.length; i++) {
            if ((bits >> i & 1) != 0) {
                space.grant(all[i]);
            } else {
                space.drop(all[i]);
            }
        }
        return 0;
    }

    private MemoryFile file(long number) {
        MemoryFile file = files.get(FileName.of(number));
        if (file == null) {
            throw new IllegalArgumentException(FileName.of(number) + " is no file in memory");
        }
        return file;
    }

    private @Nullable SharedSegment segment(long index) {
        return index < segments.size() ? segments.get((int) index) : null;
    }

    private String fault(GuestMemory memory, int fault) {
        return Fault.toString(fault) + " at " + Notation.address(memory.faultAddress(), world.base());
    }

    private static String bytes(long result, byte[] bytes) {
        String text = Notation.result(Verb.PREAD, result, 0);
        return result > 0 ? text + " " + HexFormat.of().formatHex(bytes, 0, (int) result) : text;
    }

    private String pagemap(AddressSpace space, long[] a) {
        long[] words = new long[(int) a[1]];
        long result = space.pagemap(a[0], a[1] * PAGE, words);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < result; i++) {
            text.append(Exceptions.pagemap(words[i])).append(' ');
        }
        // The kernel's file is read in bytes, eight per word.
        String count = Notation.result(Verb.PAGEMAP, result > 0 ? result * Long.BYTES : result, 0);
        return result > 0 ? count + " " + text : count;
    }

    private String scan(AddressSpace space, long[] a) {
        long[] regions = new long[(int) a[6] * WORDS];
        PageScan scan = new PageScan()
                .range(a[0], a[1])
                .inverted(a[2])
                .all(a[3])
                .any(a[4])
                .told(a[5])
                .maxPages(a[7]);
        long result = space.pagemapScan(scan, a[6] == 0 ? null : regions);
        List<Long> told = new ArrayList<>();
        for (int i = 0; i < result * WORDS; i++) {
            told.add(regions[i]);
        }
        return Exceptions.scan(Notation.result(Verb.SCAN, result, 0), told, List.of(scan.walkEnd()), world.base());
    }

    private void leave(AddressSpace space) {
        if (cpu.space() == space) {
            cpu.switchTo(null);
        }
        space.close();
    }

    @Override
    public void close() {
        processes.values().forEach(this::leave);
        segments.forEach(SharedSegment::remove);
        for (StartFile file : StartFile.values()) {
            MemoryFile open = files.get(FileName.of(file.descriptor()));
            if (open != null) {
                open.close();
            }
        }
    }
}
