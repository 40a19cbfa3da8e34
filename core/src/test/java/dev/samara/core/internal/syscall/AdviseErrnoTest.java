// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.Protection;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Why {@code madvise} fails, for each advice and each kind of mapping, and the order of its checks. */
final class AdviseErrnoTest {
    private static final long PAGE = CallArguments.PAGE;
    private static final long PLACE = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | MapFlags.FIXED;

    private static final Map<String, Integer> ADVICE = new TreeMap<>(Map.ofEntries(
            Map.entry("NORMAL", Advice.NORMAL),
            Map.entry("RANDOM", Advice.RANDOM),
            Map.entry("SEQUENTIAL", Advice.SEQUENTIAL),
            Map.entry("WILLNEED", Advice.WILLNEED),
            Map.entry("DONTNEED", Advice.DONTNEED),
            Map.entry("FREE", Advice.FREE),
            Map.entry("REMOVE", Advice.REMOVE),
            Map.entry("DONTFORK", Advice.DONTFORK),
            Map.entry("DOFORK", Advice.DOFORK),
            Map.entry("MERGEABLE", Advice.MERGEABLE),
            Map.entry("UNMERGEABLE", Advice.UNMERGEABLE),
            Map.entry("HUGEPAGE", Advice.HUGEPAGE),
            Map.entry("NOHUGEPAGE", Advice.NOHUGEPAGE),
            Map.entry("DONTDUMP", Advice.DONTDUMP),
            Map.entry("DODUMP", Advice.DODUMP),
            Map.entry("WIPEONFORK", Advice.WIPEONFORK),
            Map.entry("KEEPONFORK", Advice.KEEPONFORK),
            Map.entry("COLD", Advice.COLD),
            Map.entry("PAGEOUT", Advice.PAGEOUT),
            Map.entry("POPULATE_READ", Advice.POPULATE_READ),
            Map.entry("POPULATE_WRITE", Advice.POPULATE_WRITE),
            Map.entry("DONTNEED_LOCKED", Advice.DONTNEED_LOCKED),
            Map.entry("COLLAPSE", Advice.COLLAPSE),
            Map.entry("GUARD_INSTALL", Advice.GUARD_INSTALL),
            Map.entry("GUARD_REMOVE", Advice.GUARD_REMOVE)));

    private static final Set<String> DISCARDS =
            Set.of("DONTNEED", "DONTNEED_LOCKED", "FREE", "REMOVE", "DONTFORK", "WIPEONFORK", "GUARD_INSTALL");

    private static final class Madvise extends CallArguments {
        long address = PLACE + PAGE;
        long length = 2 * PAGE;
        int advice = Advice.DONTFORK;
        int protection = RW;

        Madvise() {
            before(space -> space.throwing().mmap(PLACE, 4 * PAGE, protection, FIXED, null, 0));
        }

        @Override
        long call(AddressSpace space) {
            return space.madvise(address, length, advice);
        }
    }

    @TestFactory
    @DisplayName("madvise")
    List<DynamicTest> madvise() {
        return new ErrnoTable<>(Madvise::new)
                .row(Errno.EINVAL, "no such advice", madvise -> madvise.advice = 5)
                .row(Errno.EINVAL, "not a page boundary", madvise -> madvise.address++)
                .row(Errno.EINVAL, "the length rounds to 0", madvise -> madvise.length = -1)
                .row(Errno.EINVAL, "the range wraps", madvise -> madvise.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", madvise -> madvise.address += 16 * PAGE)
                .row(Errno.EPERM, "sealed, and cannot be written", madvise -> {
                    madvise.protection = Protection.READ;
                    madvise.seal(PLACE, 4);
                })
                .row(Errno.EAGAIN, "would make too many mappings", madvise -> madvise.machine.maxMapCount(1))
                .tests();
    }

    private record Kind(
            String name,
            int protection,
            int flags,
            @Nullable Backing file,
            boolean locked,
            Map<String, Errno> refused) {}

    private static final Map<String, Errno> ANONYMOUS = Map.of("REMOVE", Errno.EINVAL, "COLLAPSE", Errno.EINVAL);

    private static Map<String, Errno> also(Map<String, Errno> refused, Errno errno, String... more) {
        Map<String, Errno> all = new TreeMap<>(refused);
        for (String advice : more) {
            all.put(advice, errno);
        }
        return all;
    }

    private static List<Kind> kinds() {
        int none = Protection.NONE;
        int read = Protection.READ;
        int anon = MapFlags.ANONYMOUS;
        Map<String, Errno> file = also(ANONYMOUS, Errno.EINVAL, "FREE", "WIPEONFORK");
        Map<String, Errno> locked =
                also(ANONYMOUS, Errno.EINVAL, "DONTNEED", "FREE", "COLD", "PAGEOUT", "GUARD_INSTALL");
        Map<String, Errno> shared = also(file, Errno.EINVAL);
        shared.remove("REMOVE");
        return List.of(
                new Kind("private memory", RW, MapFlags.PRIVATE | anon, null, false, ANONYMOUS),
                new Kind(
                        "private memory that can only be read",
                        read,
                        MapFlags.PRIVATE | anon,
                        null,
                        false,
                        also(ANONYMOUS, Errno.EINVAL, "POPULATE_WRITE")),
                new Kind(
                        "private memory that cannot be accessed",
                        none,
                        MapFlags.PRIVATE | anon,
                        null,
                        false,
                        also(ANONYMOUS, Errno.EINVAL, "POPULATE_READ", "POPULATE_WRITE")),
                new Kind(
                        "private memory that can only be written",
                        Protection.WRITE,
                        MapFlags.PRIVATE | anon,
                        null,
                        false,
                        also(ANONYMOUS, Errno.EINVAL, "POPULATE_READ")),
                new Kind("locked memory", RW, MapFlags.PRIVATE | anon, null, true, locked),
                new Kind(
                        "droppable memory",
                        RW,
                        MapFlags.DROPPABLE | anon,
                        null,
                        false,
                        also(ANONYMOUS, Errno.EINVAL, "KEEPONFORK", "DODUMP")),
                new Kind("shared memory", RW, MapFlags.SHARED | anon, null, false, shared),
                new Kind(
                        "a private file", RW, MapFlags.PRIVATE, OpenFiles.A, false, also(file, Errno.EACCES, "REMOVE")),
                new Kind("a shared file", RW, MapFlags.SHARED, OpenFiles.A, false, shared),
                new Kind(
                        "a locked shared file",
                        RW,
                        MapFlags.SHARED,
                        OpenFiles.A,
                        true,
                        also(shared, Errno.EINVAL, "DONTNEED", "COLD", "PAGEOUT", "GUARD_INSTALL", "REMOVE")),
                new Kind(
                        "a shared file open for reading",
                        read,
                        MapFlags.SHARED,
                        OpenFiles.R,
                        false,
                        also(also(file, Errno.EACCES, "REMOVE"), Errno.EINVAL, "POPULATE_WRITE")),
                new Kind(
                        "the zero device",
                        RW,
                        MapFlags.PRIVATE,
                        OpenFiles.ZERO,
                        false,
                        also(also(ANONYMOUS, Errno.EACCES, "REMOVE"), Errno.EINVAL, "WIPEONFORK")));
    }

    @TestFactory
    @DisplayName("each advice to each kind of mapping")
    List<DynamicTest> eachAdvice() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Kind kind : kinds()) {
            ADVICE.forEach((name, advice) -> {
                tests.add(DynamicTest.dynamicTest(name + " to " + kind.name, () -> {
                    AddressSpace space = mapped(kind);
                    Errno errno = kind.refused.get(name);
                    String before = LayoutText.of(space);
                    assertEquals(errno == null ? 0 : errno.result(), space.madvise(PLACE, 2 * PAGE, advice));
                    space.validate();
                    if (errno != null) {
                        assertEquals(before, LayoutText.of(space));
                    }
                }));
                tests.add(DynamicTest.dynamicTest(name + " to " + kind.name + ", sealed", () -> {
                    AddressSpace space = mapped(kind);
                    space.throwing().mseal(PLACE, 2 * PAGE, 0);
                    boolean anonymous = space.snapshot().vmas().get(0).isAnonymous();
                    boolean guarded = anonymous && DISCARDS.contains(name) && (kind.protection & Protection.WRITE) == 0;
                    Errno errno = guarded ? Errno.EPERM : kind.refused.get(name);
                    assertEquals(errno == null ? 0 : errno.result(), space.madvise(PLACE, 2 * PAGE, advice));
                }));
            });
        }
        return tests;
    }

    private static AddressSpace mapped(Kind kind) {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 2 * PAGE, kind.protection, kind.flags | MapFlags.FIXED, kind.file, 0);
        if (kind.locked) {
            space.throwing().mlock(PLACE, 2 * PAGE);
        }
        return space;
    }

    private static AddressSpace special(long flags) {
        long all = VmaFlags.READ | VmaFlags.MAY_ACCESS | flags;
        Vma vma = VmArea.describe(PLACE, PLACE + 2 * PAGE, all, 0, null, "[special]", null);
        return Machine.builder()
                .build()
                .space(Geometry.LINUX_X86_64)
                .load(List.of(vma))
                .build();
    }

    @Test
    @DisplayName("special mappings refuse what would need pages of memory")
    void specialMappings() {
        assertEquals(Errno.EINVAL.result(), special(VmaFlags.IO).madvise(PLACE, 2 * PAGE, Advice.DOFORK));
        assertEquals(0, special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, Advice.DOFORK));
        for (int advice : new int[] {Advice.DODUMP, Advice.GUARD_INSTALL, Advice.GUARD_REMOVE}) {
            for (long flag : new long[] {VmaFlags.IO, VmaFlags.DONTEXPAND, VmaFlags.PFNMAP, VmaFlags.MIXEDMAP}) {
                long expected = Errno.EINVAL.result();
                assertEquals(expected, special(flag).madvise(PLACE, 2 * PAGE, advice), () -> flag + " " + advice);
            }
        }
        int[] drops = {Advice.DONTNEED, Advice.DONTNEED_LOCKED, Advice.COLD, Advice.PAGEOUT, Advice.POPULATE_READ};
        for (int advice : drops) {
            assertEquals(Errno.EINVAL.result(), special(VmaFlags.PFNMAP).madvise(PLACE, 2 * PAGE, advice));
            assertEquals(0, special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, advice), () -> "advice " + advice);
        }
        assertEquals(0, special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, Advice.WIPEONFORK));
        long huge = VmaFlags.DONTEXPAND | VmaFlags.HUGETLB;
        assertEquals(0, special(huge).madvise(PLACE, 2 * PAGE, Advice.DODUMP), "huge pages may be dumped");
        assertEquals(Errno.EINVAL.result(), special(VmaFlags.DONTEXPAND).madvise(PLACE, 2 * PAGE, Advice.FREE));
        AddressSpace space = special(VmaFlags.DONTEXPAND);
        String before = LayoutText.of(space);
        assertEquals(0, space.madvise(PLACE, 2 * PAGE, Advice.MERGEABLE));
        assertEquals(before, LayoutText.of(space), "cannot be merged with equal pages");
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, PAGE, Advice.DONTFORK), "stays in one piece");
    }

    private static AddressSpace withHoles() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 6 * PAGE, RW, FIXED, null, 0);
        space.throwing().munmap(PLACE + PAGE, PAGE);
        space.throwing().mlock(PLACE + 4 * PAGE, PAGE);
        return space;
    }

    @Test
    @DisplayName("holes are skipped and reported at the end")
    void holes() {
        AddressSpace space = withHoles();
        assertEquals(Errno.ENOMEM.result(), space.madvise(PLACE - PAGE, 5 * PAGE, Advice.DONTFORK));
        assertEquals("""
            10000000-10001000 rd wr mr mw me dc ac +10000
            10002000-10004000 rd wr mr mw me dc ac +10002
            10004000-10005000 rd wr mr mw me lo ac +10004
            10005000-10006000 rd wr mr mw me ac +10005
            """, LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.madvise(PLACE + 5 * PAGE, 2 * PAGE, Advice.NORMAL));
        assertEquals(Errno.ENOMEM.result(), space.madvise(PLACE + PAGE, PAGE, Advice.NORMAL));
        assertEquals(Errno.ENOMEM.result(), space.madvise(CallArguments.LIMIT, PAGE, Advice.NORMAL));
        assertEquals(0, space.madvise(PLACE + 2 * PAGE, 4 * PAGE, Advice.NORMAL));
    }

    @Test
    @DisplayName("any other error stops at once, whatever holes were met; the mappings before it are changed")
    void errorsStop() {
        AddressSpace space = withHoles();
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, 6 * PAGE, Advice.DONTNEED), "the locked one");
        space.throwing().mmap(PLACE + 4 * PAGE, PAGE, RW, MapFlags.PRIVATE | MapFlags.FIXED, OpenFiles.A, 0);
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, 6 * PAGE, Advice.WIPEONFORK));
        assertEquals("""
            10000000-10001000 rd wr mr mw me ac wf +10000
            10002000-10004000 rd wr mr mw me ac wf +10002
            10004000-10005000 rd wr mr mw me ac +0 A#1
            10005000-10006000 rd wr mr mw me ac +10005
            """, LayoutText.of(space));
        assertEquals(Errno.ENOMEM.result(), space.madvise(PLACE, 6 * PAGE, Advice.POPULATE_READ), "at the hole");
        space.throwing().mprotect(PLACE, PAGE, Protection.NONE);
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, 6 * PAGE, Advice.POPULATE_READ), "before the hole");
    }

    @Test
    @DisplayName("length 0 succeeds once advice and address are right")
    void lengthZero() {
        AddressSpace space = withHoles();
        assertEquals(0, space.madvise(PLACE + PAGE, 0, Advice.DONTNEED));
        for (int unknown : new int[] {-1, 5, 6, 7, 26, 99, 100, 101, 104, Integer.MIN_VALUE}) {
            assertEquals(Errno.EINVAL.result(), space.madvise(PLACE, 0, unknown), () -> "advice " + unknown);
        }
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE + PAGE, 0, 77));
        assertEquals(Errno.EINVAL.result(), space.madvise(PLACE + 1, 0, Advice.DONTNEED));
    }

    @Test
    @DisplayName("guard markers: the whole mapping may have them, and memory gets an identity to have them with")
    void guardMarkers() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 3 * PAGE, RW, FIXED, null, 0);
        assertEquals(0, space.madvise(PLACE + PAGE, PAGE, Advice.GUARD_INSTALL));
        assertEquals("10000000-10003000 rd wr mr mw me gu ac +10000 fresh#1\n", LayoutText.of(space));
        space.throwing().mmap(PLACE + 3 * PAGE, 2 * PAGE, RW, FIXED, null, 0);
        space.throwing().mprotect(PLACE, 3 * PAGE, Protection.READ);
        assertEquals("""
            10000000-10003000 rd mr mw me gu ac +10000 fresh#1
            10003000-10005000 rd wr mr mw me gu ac +10003 fresh#1
            """, LayoutText.of(space), "memory with an identity stays charged");
        assertEquals(0, space.madvise(PLACE, 5 * PAGE, Advice.GUARD_REMOVE));
        space.throwing().mmap(PLACE + 8 * PAGE, PAGE, RW, MapFlags.PRIVATE | MapFlags.FIXED, OpenFiles.A, 0);
        assertEquals(0, space.madvise(PLACE + 8 * PAGE, PAGE, Advice.GUARD_INSTALL));
        assertEquals("""
            10000000-10003000 rd mr mw me gu ac +10000 fresh#1
            10003000-10005000 rd wr mr mw me gu ac +10003 fresh#1
            10008000-10009000 rd wr mr mw me gu ac +0 A#2
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName(
            "the identity for guard markers is lent by a neighbour that differs in rights only, the next one first")
    void lentIdentity() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 6 * PAGE, RW, FIXED, null, 0);
        space.throwing().mprotect(PLACE + 2 * PAGE, 2 * PAGE, RW | Protection.EXEC);
        assertEquals(0, space.madvise(PLACE, PAGE, Advice.GUARD_INSTALL));
        assertEquals(0, space.madvise(PLACE + 2 * PAGE, PAGE, Advice.GUARD_INSTALL));
        space.throwing().mprotect(PLACE + 4 * PAGE, PAGE, Protection.WRITE);
        space.throwing().madvise(PLACE + 5 * PAGE, PAGE, Advice.DONTFORK);
        assertEquals(0, space.madvise(PLACE + 5 * PAGE, PAGE, Advice.GUARD_INSTALL));
        assertEquals(0, space.madvise(PLACE + 4 * PAGE, PAGE, Advice.GUARD_INSTALL));
        assertEquals("""
            10000000-10002000 rd wr mr mw me gu ac +10000 fresh#1
            10002000-10004000 rd wr ex mr mw me gu ac +10002 fresh#1
            10004000-10005000 wr mr mw me gu ac +10004 fresh#1
            10005000-10006000 rd wr mr mw me gu dc ac +10005 fresh#2
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName("a cut too many is EAGAIN; the first cut is left")
    void tooManyMappings() {
        AddressSpace space = Machine.builder().maxMapCount(2).build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(PLACE, 3 * PAGE, RW, FIXED, null, 0);
        assertEquals(Errno.EAGAIN.result(), space.madvise(PLACE + PAGE, PAGE, Advice.RANDOM));
        assertEquals("""
            10000000-10001000 rd wr mr mw me ac +10000
            10001000-10003000 rd wr mr mw me ac +10001
            """, LayoutText.of(space));
    }

    @Test
    @DisplayName("COLLAPSE finds no pages that could be made a huge one")
    void collapse() {
        AddressSpace space = Machine.builder().build().newSpace(Geometry.LINUX_X86_64);
        space.throwing().mmap(2 * PLACE, 4 << 20, RW, FIXED, null, 0);
        assertEquals(Errno.EINVAL.result(), space.madvise(2 * PLACE, 4 << 20, Advice.COLLAPSE));
        assertEquals(Errno.ENOMEM.result(), space.madvise(PLACE, PAGE, Advice.COLLAPSE));
    }
}
