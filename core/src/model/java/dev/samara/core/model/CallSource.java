// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import java.util.Random;

/**
 * Draws random steps. Ranges start and end at, or adjoin, mappings of the model; occasionally an argument is invalid.
 */
final class CallSource {
    private static final int[] PROTECTIONS = {
        Mman.READ | Mman.WRITE,
        Mman.READ | Mman.WRITE,
        Mman.READ,
        Mman.NONE,
        Mman.READ | Mman.EXEC,
        Mman.WRITE,
        Mman.READ | Mman.WRITE | Mman.EXEC
    };

    private static final int[] EXTRA_MAP_FLAGS = {
        Mman.GROWSDOWN,
        Mman.GROWSDOWN,
        Mman.STACK,
        Mman.NORESERVE,
        Mman.LOCKED,
        Mman.FIXED_NOREPLACE,
        Mman.FIXED_NOREPLACE,
        Mman.BELOW_2G,
        Mman.ABOVE_4G,
        Mman.POPULATE,
        Mman.MAP_SYNC,
        0x200000
    };

    private static final int[] ADVICE = {
        Mman.NORMAL,
        Mman.RANDOM,
        Mman.SEQUENTIAL,
        Mman.WILLNEED,
        Mman.DONTNEED,
        Mman.FREE,
        Mman.REMOVE,
        Mman.DONTFORK,
        Mman.DOFORK,
        Mman.MERGEABLE,
        Mman.UNMERGEABLE,
        Mman.HUGEPAGE,
        Mman.NOHUGEPAGE,
        Mman.DONTDUMP,
        Mman.DODUMP,
        Mman.WIPEONFORK,
        Mman.KEEPONFORK,
        Mman.COLD,
        Mman.PAGEOUT,
        Mman.COLLAPSE,
        Mman.POPULATE_READ,
        Mman.POPULATE_WRITE,
        Mman.DONTNEED_LOCKED,
        Mman.GUARD_INSTALL,
        Mman.GUARD_REMOVE,
        5,
        77
    };

    private final Random random;

    CallSource(Random random) {
        this.random = random;
    }

    ModelCall next(ModelSpace space) {
        int dice = random.nextInt(100);
        if (dice < 30) {
            return mmap(space);
        }
        if (dice < 42) {
            return ranged(ModelCall.Kind.MUNMAP, space, 0, 0, 0);
        }
        if (dice < 57) {
            int grows = oneIn(12) ? Mman.PROT_GROWSDOWN : oneIn(40) ? Mman.PROT_GROWSUP : 0;
            int odd = oneIn(40) ? 0x100 : oneIn(40) ? Mman.SEM : 0;
            return ranged(ModelCall.Kind.MPROTECT, space, 0, of(PROTECTIONS) | grows | odd, 0);
        }
        if (dice < 72) {
            return mremap(space);
        }
        if (dice < 81) {
            return ranged(ModelCall.Kind.MADVISE, space, of(ADVICE), 0, 0);
        }
        if (dice < 86) {
            return oneIn(2)
                    ? ranged(ModelCall.Kind.MUNLOCK, space, 0, 0, 0)
                    : ranged(ModelCall.Kind.MLOCK, space, oneIn(20) ? 2 : random.nextInt(2), 0, 0);
        }
        return rare(space);
    }

    private ModelCall rare(ModelSpace space) {
        return switch (random.nextInt(23)) {
            case 0 -> simple(ModelCall.Kind.MLOCKALL, 0, random.nextInt(9));
            case 1 -> simple(ModelCall.Kind.MUNLOCKALL, 0, 0);
            case 2 -> {
                int flags = oneIn(9) ? random.nextInt(16) : of(Mman.ASYNC, Mman.SYNC, Mman.INVALIDATE);
                yield ranged(ModelCall.Kind.MSYNC, space, flags, 0, 0);
            }
            case 3 -> ranged(ModelCall.Kind.MSEAL, space, 0, 0, oneIn(9) ? 1 : 0);
            case 4, 5, 6 -> simple(ModelCall.Kind.BRK, brk(space), 0);
            case 7 -> shmat(space);
            case 8 -> simple(ModelCall.Kind.SHMDT, address(space), 0);
            case 9, 10 -> simple(ModelCall.Kind.GROW_STACK, address(space), 0);
            case 11 -> limit(space);
            case 12 -> privilege();
            case 14, 15, 16 -> remapFilePages(space);
            case 19, 20, 21, 22 -> ranged(ModelCall.Kind.NAME, space, random.nextInt(ModelCall.NAME_COUNT), 0, 0);
            case 13 -> new ModelCall(ModelCall.Kind.MDWE, 0, 0, oneIn(3) ? random.nextInt(5) : 0, 0, 0, 0, -1);
            default -> simple(ModelCall.Kind.FORK, 0, oneIn(3) ? 1 + random.nextInt(2) : ModelCall.CLOSE_CHILD);
        };
    }

    private static ModelCall simple(ModelCall.Kind kind, long address, int flags) {
        return new ModelCall(kind, address, 0, 0, 0, flags, 0, -1);
    }

    private ModelCall ranged(ModelCall.Kind kind, ModelSpace space, int flags, int protection, long other) {
        long address = address(space);
        return new ModelCall(kind, address, length(space, address), other, 0, flags, protection, -1);
    }

    private ModelCall mmap(ModelSpace space) {
        int flags = of(Mman.PRIVATE, Mman.PRIVATE, Mman.PRIVATE, Mman.SHARED);
        if (oneIn(12)) {
            flags = of(0, Mman.SHARED_VALIDATE, Mman.DROPPABLE, 4);
        }
        if (oneIn(4)) {
            flags |= of(EXTRA_MAP_FLAGS);
        }
        if (oneIn(30)) {
            flags |= of(EXTRA_MAP_FLAGS);
        }
        int file = -1;
        if (!oneIn(3)) {
            flags |= Mman.ANONYMOUS;
        } else {
            file = oneIn(30) ? -1 : random.nextInt(oneIn(4) ? OpenFiles.ALL.size() : 3);
        }
        boolean placed = oneIn(2);
        long address = placed || oneIn(4) ? address(space) : 0;
        flags |= placed ? Mman.FIXED : 0;
        long page = space.geometry.pageSize();
        long offset = page * random.nextInt(12);
        if (oneIn(3)) {
            offset = space.geometry.roundDown(address);
        } else if (oneIn(40)) {
            offset = oneIn(2) ? offset + 1 : page << 40;
        }
        return new ModelCall(
                ModelCall.Kind.MMAP, address, length(space, address), offset, 0, flags, of(PROTECTIONS), file);
    }

    private ModelCall mremap(ModelSpace space) {
        long address = address(space);
        long length = oneIn(30) ? 0 : length(space, address);
        long newLength = oneIn(3) ? length : oneIn(2) ? length + space.geometry.pageSize() : length(space, address);
        int flags = of(0, Mman.MAYMOVE, Mman.MAYMOVE, Mman.MAYMOVE | Mman.MREMAP_FIXED);
        if (oneIn(5)) {
            flags |= Mman.DONTUNMAP;
            newLength = oneIn(9) ? newLength : length;
        } else if (oneIn(30)) {
            flags = random.nextInt(16);
        }
        boolean hint = (flags & Mman.MREMAP_FIXED) != 0 || oneIn(3);
        return new ModelCall(
                ModelCall.Kind.MREMAP, address, length, newLength, hint ? address(space) : 0, flags, 0, -1);
    }

    private ModelCall shmat(ModelSpace space) {
        int flags = (oneIn(3) ? Mman.RDONLY : 0)
                | (oneIn(4) ? Mman.RND : 0)
                | (oneIn(3) ? Mman.REMAP : 0)
                | (oneIn(5) ? Mman.SHM_EXEC : 0);
        int segment = oneIn(20) ? -1 : random.nextInt(ModelCall.SEGMENT_COUNT);
        return new ModelCall(ModelCall.Kind.SHMAT, oneIn(3) ? 0 : address(space), 0, 0, 0, flags, 0, segment);
    }

    private ModelCall limit(ModelSpace space) {
        int pages = space.pages.size();
        long bytes =
                oneIn(3) ? -1 : space.geometry.pageSize() * (pages / 6 + random.nextInt(pages)) + random.nextInt(2);
        return new ModelCall(ModelCall.Kind.LIMIT, 0, bytes, 0, 0, random.nextInt(Resource.values().length), 0, -1);
    }

    private ModelCall remapFilePages(ModelSpace space) {
        long address = address(space);
        return new ModelCall(
                ModelCall.Kind.REMAP_FILE_PAGES,
                address,
                length(space, address),
                oneIn(20) ? -random.nextInt(4) : random.nextInt(12),
                0,
                oneIn(4) ? Mman.NONBLOCK : 0,
                oneIn(30) ? Mman.READ : 0,
                -1);
    }

    private ModelCall privilege() {
        ModelCall.Kind kind = oneIn(2) ? ModelCall.Kind.GRANT : ModelCall.Kind.DROP;
        return simple(kind, 0, random.nextInt(Capability.values().length));
    }

    private long brk(ModelSpace space) {
        long page = space.geometry.pageSize();
        return oneIn(15)
                ? address(space)
                : space.heapStart + random.nextInt(12) * page + (oneIn(3) ? 5 : 0) - (oneIn(15) ? page : 0);
    }

    private long address(ModelSpace space) {
        Geometry geometry = space.geometry;
        long page = geometry.pageSize();
        int dice = random.nextInt(40);
        if (dice == 0) {
            return of(
                    0,
                    page,
                    geometry.minimum(),
                    geometry.minimum() - page,
                    geometry.window(),
                    geometry.window() - page,
                    geometry.window() + page,
                    geometry.limit(),
                    geometry.limit() - page,
                    -page,
                    -1L,
                    Long.MIN_VALUE,
                    Long.MAX_VALUE & -page);
        }
        if (dice < 14) {
            return page * random.nextInt(space.pages.size()) + (oneIn(15) ? 1 : 0);
        }
        Pages pages = space.pages;
        int at = pages.nextMapped(random.nextInt(pages.size()));
        if (at == pages.size()) {
            at = pages.nextMapped(0);
        }
        if (at == pages.size()) {
            return page * random.nextInt(pages.size());
        }
        int start = pages.startOf(at);
        int end = pages.endOf(at);
        int place = switch (random.nextInt(6)) {
            case 0, 1 -> start;
            case 2 -> end;
            case 3 -> start - 1 - random.nextInt(3);
            default -> start + random.nextInt(end - start);
        };
        return Math.max(0, place) * page + (oneIn(30) ? page / 2 : 0);
    }

    private long length(ModelSpace space, long address) {
        Geometry geometry = space.geometry;
        long page = geometry.pageSize();
        int at = space.pages.clip(address);
        int dice = random.nextInt(40);
        if (dice == 0) {
            return of(0, 1, page - 1, geometry.limit(), geometry.limit() - page, -page, -1L, -address, Long.MIN_VALUE);
        }
        if (dice < 10 && space.pages.isMapped(at)) {
            return page * (space.pages.endOf(at) - at);
        }
        if (dice < 14) {
            return geometry.hugeSize() * (1 + random.nextInt(3));
        }
        if (dice < 17) {
            return page * (1 + random.nextInt(space.pages.size() / 4));
        }
        return page * (1 + random.nextInt(6)) - (oneIn(10) ? 7 : 0);
    }

    private boolean oneIn(int chances) {
        return random.nextInt(chances) == 0;
    }

    private int of(int... choices) {
        return choices[random.nextInt(choices.length)];
    }

    private long of(long... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
