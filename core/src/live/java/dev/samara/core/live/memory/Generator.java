// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Vma;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/** Chooses operations, most of them at the addresses of earlier operations. */
final class Generator {
    private static final long PAGE = 4096;
    private static final int MOST_PROCESSES = 3;
    private static final int ADVICES = 26;
    /** One in this many scripts is about limits. */
    private static final int ABOUT_LIMITS = 5;

    private final Random random;
    private final Place world;
    private final World kind;
    private final Arguments arguments;
    private final int watch;
    private final Exceptions.Files files;
    private final boolean isPagedOut;
    /**
     * Whether the script starts with a limit and without privileges, and contains many operations that reach limits.
     */
    private final boolean isAboutLimits;

    /** Operations that precede the next random choice. */
    private final Deque<Operation> planned = new ArrayDeque<>();

    private boolean isLockCounted = true;
    private boolean isAllLocked;
    private boolean isLimited;

    /** Whether no process may lock all its memory, because each process is limited and unprivileged. */
    private boolean isLockLimited;

    private final Map<Verb, Integer> weights;
    private final int total;

    /**
     * @param watch what the script compares after each step
     * @param files what the script excludes
     * @param isPagedOut whether MADV_PAGEOUT may be used; the kernel really pages out, so such a script contains no
     *     query which pages are mapped
     */
    Generator(Random random, World kind, Place world, int watch, Exceptions.Files files, boolean isPagedOut) {
        this.files = files;
        this.watch = watch;
        this.isPagedOut = isPagedOut;
        isLimited = !world.isPrivileged();
        this.random = random;
        this.world = world;
        this.kind = kind;
        arguments = new Arguments(random, kind, world);
        isAboutLimits = random.nextInt(kind == World.HEAP ? 2 : ABOUT_LIMITS) == 0;
        if (isAboutLimits) {
            if (world.isPrivileged()) {
                planned.add(Operation.of(0, Verb.PRIVILEGES, arguments.withoutLocking()));
                isLimited = true;
            }
            Operation limit = limit(0);
            planned.add(limit);
            isLockLimited = isOfLocks(limit) && limit.argument(1) != -1;
        }
        weights = new EnumMap<>(Verb.class);
        int sum = 0;
        for (Verb verb : Verb.values()) {
            // Each script prefers different calls, so that every call is frequent in some scripts.
            int weight = weight(verb) * (1 + random.nextInt(4)) * (random.nextInt(5) == 0 ? 0 : 1);
            weights.put(verb, weight);
            sum += weight;
        }
        total = sum;
    }

    private int weight(Verb verb) {
        return switch (verb) {
            case MMAP -> 40;
            case MUNMAP, MPROTECT, MREMAP, MADVISE, LOAD -> 14;
            case STORE -> 24;
            case MLOCK, MLOCK2 -> isAboutLimits ? 20 : 5;
            case MUNLOCK, MSYNC, MINCORE, PWRITE, TRUNCATE, REMAP_FILE_PAGES -> 5;
            case BRK -> kind == World.HEAP ? 30 : 1;
            case SHMAT -> 4;
            case USAGE -> 4;
            case PAGEMAP, SCAN -> isPagedOut ? 0 : 3;
            // The kernel marks the page itself dirty, which all mappings of the page show; a store marks only its own
            // entry.
            case FORCED_WRITE -> (watch & Script.AMOUNTS) == 0 ? 3 : 0;
            case SHMDT, PUNCH, PREAD, FORCED_READ, FORK -> 3;
            case LIMIT -> isAboutLimits ? 8 : 2;
            case MLOCKALL -> isAboutLimits ? 6 : 2;
            case EXIT, MUNLOCKALL, MSEAL -> 2;
            case PRIVILEGES -> world.isPrivileged() ? 1 : 0;
            case MDWE, SHM_LOCK, SHM_UNLOCK, SHM_REMOVE, SEAL -> 1;
            case NAME -> world.namesMemory() ? 8 : 0;
        };
    }

    /** Returns the next operation. */
    Operation next(LibraryRun library) {
        Operation first = planned.poll();
        if (first != null) {
            return first;
        }
        while (true) {
            List<Integer> alive = new ArrayList<>(library.processes().keySet());
            int process = random.nextBoolean() ? alive.get(0) : alive.get(random.nextInt(alive.size()));
            AddressSpace space = library.processes().get(process);
            if (space != null) {
                Operation operation = next(process, vmas(space), alive);
                if (operation != null
                        && Safety.isSafe(world, operation)
                        && !Exceptions.isOut(operation)
                        && !files.isOut(operation, space)
                        && !isOutOfCount(operation)) {
                    arguments.remember(operation);
                    isAllLocked |= locksAll(operation);
                    isLimited |= operation.verb() == Verb.PRIVILEGES;
                    isLockCounted &= !Exceptions.isLockMiscounted(operation);
                    return operation;
                }
            }
        }
    }

    /**
     * Returns whether a limit might be compared with locked memory that the kernel counts wrongly (see {@link
     * Exceptions#usage}): memory around a world, and memory from which pages were moved with DONTUNMAP.
     */
    private boolean isOutOfCount(Operation operation) {
        return switch (operation.verb()) {
            case MLOCKALL -> isLimited && locksAll(operation);
            case MREMAP -> isLimited && Exceptions.isLockMiscounted(operation);
            case PRIVILEGES -> isAllLocked || !isLockCounted || (isLockLimited && (operation.argument(0) & 1) != 0);
            case LIMIT -> isLockLimited && isOfLocks(operation) && operation.argument(1) == -1;
            default -> false;
        };
    }

    /** Returns whether an operation may lock the mappings around a world. */
    private boolean locksAll(Operation operation) {
        return operation.verb() == Verb.MLOCKALL && (operation.argument(0) & Mman.CURRENT) != 0 && !isLockLimited;
    }

    private static boolean isOfLocks(Operation limit) {
        return Limit.of(limit.argument(0)) == Limit.MEMLOCK;
    }

    private List<Vma> vmas(AddressSpace space) {
        List<Vma> vmas = new ArrayList<>();
        space.forEach(Range.start(world), Range.end(world) - Range.start(world), vmas::add);
        return vmas;
    }

    private Verb verb() {
        int chosen = random.nextInt(total);
        for (Verb verb : Verb.values()) {
            chosen -= weights.getOrDefault(verb, 0);
            if (chosen < 0) {
                return verb;
            }
        }
        return Verb.MMAP;
    }

    private @Nullable Operation next(int process, List<Vma> vmas, List<Integer> alive) {
        Verb verb = verb();
        arguments.use(vmas);
        long at = arguments.address();
        long length = arguments.length(at);
        return switch (verb) {
            case MMAP -> mmap(process, at, length);
            case MUNMAP, MLOCK, MUNLOCK -> Operation.of(process, verb, at, length);
            case MINCORE -> Operation.of(process, verb, at, length);
            case MPROTECT -> Operation.of(process, verb, at, length, arguments.protection());
            case MREMAP -> mremap(process, at, length);
            case MADVISE -> Operation.of(process, verb, at, length, advice());
            case MLOCK2 -> Operation.of(process, verb, at, length, arguments.one(0, 1, 1, 2));
            case MLOCKALL -> Operation.of(process, verb, arguments.one(0, 1, 2, 3, 4, 5, 6, 7, 8));
            case MUNLOCKALL -> Operation.of(process, verb);
            case MSYNC -> Operation.of(process, verb, at, length, arguments.one(0, 1, 2, 3, 4, 4, 5, 6, 8));
            case MSEAL -> Operation.of(process, verb, at, length, arguments.one(0, 0, 0, 0, 0, 1));
            case BRK -> Operation.of(process, verb, arguments.brk());
            case REMAP_FILE_PAGES ->
                Operation.of(
                        process,
                        verb,
                        at,
                        length,
                        arguments.one(0, 0, 0, 0, 0, 0, 0, 1),
                        arguments.one(0, 1, 2, 3, 5, 8, 13, 1L << 52, -1),
                        arguments.one(0, 0, Mman.NONBLOCK, Mman.LOCKED));
            case MDWE -> Operation.of(process, verb, arguments.one(0, 1, 2, 3, 4));
            case SHMAT ->
                Operation.of(
                        process,
                        verb,
                        arguments.one(0, 0, 1, 1, 2),
                        arguments.one(0, at, at),
                        arguments.one(0, 0, 0x1000, 0x2000, 0x4000, 0x8000, 0x6000, 0x7000, 0x1));
            case SHMDT -> Operation.of(process, verb, arguments.attachment(at));
            case USAGE -> Operation.of(process, verb, isLockCounted ? 1L : 0L);
            case SHM_LOCK, SHM_UNLOCK, SHM_REMOVE -> Operation.of(process, verb, arguments.one(0, 0, 1, 1, 2));
            case LIMIT -> limit(process);
            case PRIVILEGES -> Operation.of(process, verb, arguments.privileges());
            case LOAD -> Operation.of(process, verb, arguments.one(1, 2, 4, 8), arguments.byteAddress());
            case STORE ->
                Operation.of(
                        process,
                        verb,
                        arguments.one(1, 1, 2, 4, 8),
                        arguments.byteAddress(),
                        arguments.one(0x11, 0x22, 0x7766_5544_3322_1100L, random.nextLong()));
            case FORCED_READ -> Operation.of(process, verb, arguments.byteAddress());
            case FORCED_WRITE ->
                Operation.of(process, verb, arguments.byteAddress(), arguments.one(0x33, random.nextLong()));
            case PREAD -> Operation.of(process, verb, file(), arguments.one(0, 1, 8, 16), arguments.fileOffset());
            case PWRITE ->
                Operation.of(
                        process,
                        verb,
                        file(),
                        arguments.one(0x44, 0x55, random.nextInt(256)),
                        arguments.one(0, 1, 1, 8, 40),
                        arguments.fileOffset());
            case TRUNCATE -> Operation.of(process, verb, file(), arguments.fileOffset());
            case PUNCH -> Operation.of(process, verb, file(), arguments.fileOffset(), arguments.fileOffset());
            case SEAL -> Operation.of(process, verb, arguments.one(0, 3, 3, 3, 3), 1L << random.nextInt(7));
            case PAGEMAP -> Operation.of(process, verb, at & -PAGE, arguments.one(1, 4, 16));
            case SCAN -> scan(process, at, length);
            case FORK -> alive.size() < MOST_PROCESSES ? Operation.of(process, verb) : null;
            // Only the newest process exits, because children would end with their parent.
            case EXIT -> alive.size() > 1 ? Operation.of(alive.get(alive.size() - 1), verb) : null;
            case NAME -> Operation.of(process, verb, at, length, arguments.one(0, 1, 1, 2));
        };
    }

    private long file() {
        return random.nextInt(3) == 0 ? FileName.A.number() : FileName.B.number();
    }

    private Operation mmap(int process, long at, long length) {
        long flags = arguments.one(
                Mman.PRIVATE,
                Mman.PRIVATE,
                Mman.PRIVATE,
                Mman.SHARED,
                Mman.SHARED,
                random.nextInt(4) == 0 ? random.nextInt(16) : Mman.PRIVATE);
        boolean isAnonymous = random.nextInt(3) != 0;
        flags |= isAnonymous ? Mman.ANONYMOUS : 0;
        flags |= random.nextInt(5) < 2 ? Mman.FIXED : 0;
        flags |= sometimes(12, Mman.FIXED_NOREPLACE)
                | sometimes(12, Mman.GROWSDOWN)
                | sometimes(kind == World.AT_1G || kind == World.AT_2G ? 2 : 16, Mman.BELOW_2G)
                | sometimes(40, Mman.ABOVE_4G)
                | sometimes(14, Mman.LOCKED)
                | sometimes(8, Mman.POPULATE)
                | sometimes(20, Mman.NONBLOCK)
                | sometimes(12, Mman.NORESERVE)
                | sometimes(16, Mman.STACK)
                | sometimes(60, Mman.MAP_SYNC)
                | sometimes(60, Mman.DENYWRITE)
                | sometimes(60, Mman.EXECUTABLE)
                | sometimes(60, Mman.UNINITIALIZED)
                | sometimes(80, Mman.HUGETLB);
        long hint = (flags & (Mman.FIXED | Mman.FIXED_NOREPLACE)) != 0 || random.nextInt(3) == 0 ? at : 0;
        return Operation.of(
                process,
                Verb.MMAP,
                hint,
                length,
                arguments.protection(),
                flags,
                isAnonymous
                        ? FileName.X.number()
                        : arguments.one(0, 0, 0, 1, 1, 2, 3, 3, 3, 4, 4, random.nextInt(FileName.COUNT)),
                isAnonymous && random.nextInt(8) != 0 ? 0 : arguments.mapOffset());
    }

    private long sometimes(int of, long flag) {
        return random.nextInt(of) == 0 ? flag : 0;
    }

    private Operation mremap(int process, long at, long length) {
        long flags = arguments.one(0, 1, 1, 1, 3, 3, 5, 7, random.nextInt(10));
        long changed = switch (random.nextInt(4)) {
            case 0 -> length;
            case 1 -> length + arguments.one(1, PAGE, 2 * PAGE, 5 * PAGE);
            case 2 -> length - arguments.one(1, PAGE, 2 * PAGE);
            default -> arguments.length(at);
        };
        return Operation.of(
                process,
                Verb.MREMAP,
                at,
                random.nextInt(12) == 0 ? 0 : length,
                changed,
                flags,
                (flags & 6) != 0 ? arguments.address() : 0);
    }

    private long advice() {
        int advice = random.nextInt(ADVICES + 6);
        if (advice >= ADVICES
                || (advice == Mman.PAGEOUT && !isPagedOut)
                // MADV_FREE pages count as clean until they are written; the library does not free such pages.
                || (advice == Mman.FREE && (watch & Script.AMOUNTS) != 0)) {
            return arguments.one(Mman.DONTNEED, Mman.GUARD_INSTALL, Mman.GUARD_REMOVE, Mman.DONTNEED);
        }
        return advice;
    }

    private Operation limit(int process) {
        boolean isHeap = kind == World.HEAP;
        Limit[] all = Limit.values();
        // brk is compared with the data limit, whatever the current heap is.
        int index = isHeap && random.nextBoolean() ? List.of(all).indexOf(Limit.DATA) : random.nextInt(all.length);
        // A limit on data may be below the initial amount.
        long from = all[index] == Limit.DATA && random.nextInt(isHeap ? 2 : 4) == 0 ? -world.data() : 0;
        // A data limit of 0 stops brk, but not the growth of mappings.
        long pages = random.nextInt(6) == 0 ? 0 : random.nextInt(40);
        return Operation.of(process, Verb.LIMIT, (long) index, random.nextInt(3) == 0 ? -1 : from + pages * PAGE);
    }

    private Operation scan(int process, long at, long length) {
        long all = Exceptions.CATEGORIES;
        long told = random.nextInt(3) == 0 ? all : random.nextLong() & all;
        return Operation.of(
                process,
                Verb.SCAN,
                at,
                random.nextInt(4) == 0 ? arguments.address() : at + length,
                random.nextInt(3) == 0 ? random.nextLong() & all : 0,
                random.nextInt(3) == 0 ? 1L << random.nextInt(9) & all : 0,
                random.nextInt(3) == 0 ? random.nextLong() & all : 0,
                random.nextInt(20) == 0 ? 1L << 20 : told,
                arguments.one(0, 1, 2, 20),
                arguments.one(0, 0, 1, 3));
    }
}
