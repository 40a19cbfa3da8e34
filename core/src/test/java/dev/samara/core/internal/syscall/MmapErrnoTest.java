// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Why {@code mmap} fails, and the order of its checks. */
final class MmapErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int ANON = CallArguments.ANON;

    /** Maps two pages over one mapped page, with another mapped page below the range. */
    private static final class Mmap extends CallArguments {
        final BackingWithFaults file = new BackingWithFaults();
        long address = PLACE;
        long length = 2 * PAGE;
        int protection = RW;
        int type = Mman.PRIVATE;
        int flags = Mman.FIXED;

        @Nullable
        Backing backing = file;

        long offset;

        Mmap() {
            machine.maxMapCount(3).commitLimit(64 * PAGE);
            map(PLACE - 2 * PAGE, 1);
            map(PLACE + PAGE, 1);
        }

        @Override
        long call(AddressSpace space) {
            return space.mmap(address, length, protection, type | flags, backing, offset);
        }

        void shared() {
            type = Mman.SHARED;
            protection = RW;
        }
    }

    @TestFactory
    @DisplayName("mmap of a file")
    List<DynamicTest> file() {
        return new ErrnoTable<>(Mmap::new)
                .row(Errno.EINVAL, "the offset is not a page boundary", mmap -> mmap.offset = PAGE + 1)
                .row(Errno.EBADF, "a bad descriptor", mmap -> mmap.backing = null)
                .row(Errno.EINVAL, "huge pages of a file that has none", mmap -> mmap.flags |= Mman.HUGETLB)
                .row(Errno.EINVAL, "length 0", mmap -> mmap.length = 0)
                .row(Errno.ENOMEM, "the length rounds to 0", mmap -> mmap.length = -1)
                .row(Errno.ENOMEM, "more mappings than allowed", mmap -> {
                    mmap.map(PLACE + 4 * PAGE, 1, Mman.READ);
                    mmap.map(PLACE + 8 * PAGE, 1, Mman.READ);
                })
                .row(Errno.ENOMEM, "longer than the space", mmap -> mmap.length = CallArguments.LIMIT + 1)
                .row(
                        Errno.ENOMEM,
                        "the end lies beyond the space",
                        mmap -> mmap.address = CallArguments.LIMIT - PAGE + 1)
                .row(Errno.EINVAL, "FIXED at no page boundary", mmap -> mmap.address = PAGE + 1)
                .row(Errno.EPERM, "below the lowest address that may be mapped", mmap -> mmap.address = PAGE)
                .row(Errno.EEXIST, "FIXED_NOREPLACE over something", mmap -> mmap.flags |= Mman.FIXED_NOREPLACE)
                .row(Errno.EPERM, "LOCKED, but nothing may be locked", mmap -> {
                    mmap.flags |= Mman.LOCKED;
                    mmap.limit(Resource.MEMLOCK, 0);
                })
                .row(Errno.EAGAIN, "LOCKED over the limit", mmap -> {
                    mmap.flags |= Mman.LOCKED;
                    mmap.limit(Resource.MEMLOCK, 2 * PAGE - 1);
                })
                .row(
                        Errno.EOVERFLOW,
                        "beyond the maximum size of the file",
                        mmap -> mmap.file.maximumSize = 2 * PAGE - 1)
                .row(Errno.EOPNOTSUPP, "SHARED_VALIDATE with an unknown flag", mmap -> {
                    mmap.type = Mman.SHARED_VALIDATE;
                    mmap.flags |= 0x200000;
                })
                .row(Errno.EACCES, "shared and writable, open for reading", mmap -> {
                    mmap.shared();
                    mmap.file.writable = false;
                })
                .row(Errno.ETXTBSY, "shared and writable, a swap file", mmap -> {
                    mmap.shared();
                    mmap.file.swapFile = true;
                })
                .row(Errno.EACCES, "shared, append only", mmap -> {
                    mmap.shared();
                    mmap.file.appendOnly = true;
                })
                .row(Errno.EACCES, "not open for reading", mmap -> mmap.file.readable = false)
                .row(Errno.EPERM, "executable, from a mount that forbids it", mmap -> {
                    mmap.protection |= Mman.EXEC;
                    mmap.file.executable = false;
                })
                .row(Errno.ENODEV, "a file that cannot be mapped", mmap -> mmap.file.mappable = false)
                .row(Errno.EINVAL, "a stack of a file", mmap -> mmap.flags |= Mman.GROWSDOWN)
                .row(Errno.EPERM, "sealed memory below", mmap -> mmap.seal(PLACE + PAGE, 1))
                .row(Errno.ENOMEM, "over the limit of the address space", mmap -> mmap.limit(Resource.AS, 2 * PAGE))
                .row(Errno.ENOMEM, "over the limit of data", mmap -> mmap.limit(Resource.DATA, 2 * PAGE))
                .row(Errno.ENOMEM, "more than can be promised", mmap -> mmap.machine.commitLimit(2 * PAGE))
                .tests();
    }

    @TestFactory
    @DisplayName("mmap of a file: the type is looked at between the size of the file and its rights")
    List<DynamicTest> type() {
        return new ErrnoTable<>(Mmap::new)
                .row(Errno.EOVERFLOW, "beyond the maximum size of the file", mmap -> {
                    mmap.file.maximumSize = 4 * PAGE;
                    mmap.offset = 3 * PAGE;
                })
                .row(Errno.EINVAL, "no type that a file can have", mmap -> mmap.type = Mman.DROPPABLE)
                .row(Errno.EPERM, "sealed memory below", mmap -> mmap.seal(PLACE + PAGE, 1))
                .tests();
    }

    @TestFactory
    @DisplayName("mmap of memory")
    List<DynamicTest> memory() {
        return new ErrnoTable<>(() -> {
                    Mmap mmap = new Mmap();
                    mmap.flags |= Mman.ANONYMOUS;
                    mmap.backing = null;
                    return mmap;
                })
                .row(Errno.EINVAL, "the offset is not a page boundary", mmap -> mmap.offset = 7)
                .row(Errno.EINVAL, "length 0", mmap -> mmap.length = 0)
                .row(Errno.EEXIST, "FIXED_NOREPLACE over something", mmap -> mmap.flags |= Mman.FIXED_NOREPLACE)
                .row(Errno.EAGAIN, "LOCKED over the limit", mmap -> {
                    mmap.flags |= Mman.LOCKED;
                    mmap.limit(Resource.MEMLOCK, 2 * PAGE - 1);
                })
                .row(Errno.EINVAL, "SHARED_VALIDATE", mmap -> mmap.type = Mman.SHARED_VALIDATE)
                .row(Errno.EINVAL, "no type", mmap -> mmap.type = 0)
                .row(Errno.EINVAL, "a shared stack", mmap -> {
                    mmap.type = Mman.SHARED;
                    mmap.flags |= Mman.GROWSDOWN;
                })
                .row(Errno.EPERM, "sealed memory below", mmap -> mmap.seal(PLACE + PAGE, 1))
                .row(Errno.ENOMEM, "over the limit of the address space", mmap -> mmap.limit(Resource.AS, 2 * PAGE))
                .row(Errno.ENOMEM, "over the limit of data", mmap -> mmap.limit(Resource.DATA, 2 * PAGE))
                .row(Errno.ENOMEM, "more than can be promised", mmap -> mmap.machine.commitLimit(2 * PAGE))
                .tests();
    }

    @TestFactory
    @DisplayName("mmap of droppable memory")
    List<DynamicTest> droppable() {
        return new ErrnoTable<>(() -> {
                    Mmap mmap = new Mmap();
                    mmap.flags |= Mman.ANONYMOUS;
                    mmap.type = Mman.DROPPABLE;
                    return mmap;
                })
                .row(Errno.EAGAIN, "LOCKED over the limit", mmap -> {
                    mmap.flags |= Mman.LOCKED;
                    mmap.limit(Resource.MEMLOCK, 2 * PAGE - 1);
                })
                .row(Errno.EINVAL, "LOCKED", mmap -> mmap.flags |= Mman.LOCKED)
                .row(Errno.EINVAL, "a stack", mmap -> mmap.flags |= Mman.GROWSDOWN)
                .row(Errno.EPERM, "sealed memory below", mmap -> mmap.seal(PLACE + PAGE, 1))
                .tests();
    }

    private static AddressSpace space() {
        return Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
    }

    @ParameterizedTest(name = "flags {0}, at {1}, {2} bytes, offset {3}: {4}")
    @CsvSource({
        "0x40022, 0, 4096, 0, ENOMEM",
        "0x54040022, 0, 4096, 0, ENOMEM",
        "0x78040022, 0, 4096, 0, ENOMEM",
        "0x34040022, 0, 4096, 0, EINVAL",
        "0x40022, 0, 0, 0, EINVAL",
        "0x40022, 0, -1, 0, EINVAL",
        "0x40022, 0, 4096, 0x1000, EINVAL",
        "0x40022, 0, 4096, 0x200000, ENOMEM",
        "0x40032, 0x10000000, 4096, 0, ENOMEM",
        "0x40032, 0x10001000, 4096, 0, EINVAL",
        "0x40032, 0x1000, 4096, 0, EINVAL",
        "0x140022, 0x20000000, 4096, 0, EEXIST",
        "0x40122, 0, 4096, 0, EINVAL",
        "0x40020, 0, 4096, 0, EINVAL",
        "0x40028, 0, 4096, 0, EINVAL",
        "0x40021, 0, 4096, 0, ENOMEM",
        "0x40023, 0, 4096, 0, ENOMEM",
        "0x40002, 0, 4096, 0, EBADF"
    })
    @DisplayName("huge pages: there are none, so ENOMEM, but other errors come first")
    void hugePages(int flags, long address, long length, long offset, Errno errno) {
        AddressSpace space = space();
        space.throwing().mmap(0x20000000, PAGE, RW, ANON | Mman.FIXED, null, 0);
        assertEquals(errno.result(), space.mmap(address, length, RW, flags, null, offset));
        assertEquals("20000000-20001000 rd wr mr mw me ac +20000\n", LayoutText.of(space));
    }

    @Test
    @DisplayName("an append-only file that is open for reading can be mapped shared")
    void appendOnlyOpenForReading() {
        Mmap mmap = new Mmap();
        mmap.file.appendOnly = true;
        mmap.file.writable = false;
        mmap.type = Mman.SHARED;
        mmap.protection = Mman.READ;
        assertEquals(PLACE, mmap.call(mmap.space()));
    }

    @Test
    @DisplayName("unknown flags are refused with SHARED_VALIDATE only; FIXED_NOREPLACE counts as unknown there")
    void unknownFlags() {
        AddressSpace space = space();
        int unknown = 0x200000;
        int validate = Mman.SHARED_VALIDATE;
        for (int type : new int[] {Mman.SHARED, Mman.PRIVATE}) {
            assertEquals(
                    PLACE,
                    space.mmap(PLACE, PAGE, RW, type | unknown | Mman.FIXED, OpenFiles.A, 0),
                    () -> "type " + type);
        }
        assertEquals(Errno.EOPNOTSUPP.result(), space.mmap(0, PAGE, RW, validate | unknown, OpenFiles.A, 0));
        assertEquals(Errno.EOPNOTSUPP.result(), space.mmap(0, PAGE, RW, validate | Mman.MAP_SYNC, OpenFiles.A, 0));
        assertEquals(
                Errno.EOPNOTSUPP.result(),
                space.mmap(PLACE + PAGE, PAGE, RW, validate | Mman.FIXED_NOREPLACE, OpenFiles.A, 0));
        assertEquals(
                Errno.EEXIST.result(), space.mmap(PLACE, PAGE, RW, validate | Mman.FIXED_NOREPLACE, OpenFiles.A, 0));
    }
}
