// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static dev.samara.core.internal.op.DrawnLayout.address;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Madvise;
import dev.samara.core.internal.syscall.Mlock;
import dev.samara.core.internal.syscall.Mmap;
import dev.samara.core.internal.syscall.Mmap.Brk;
import dev.samara.core.internal.syscall.Mmap.Munmap;
import dev.samara.core.internal.syscall.Mprotect;
import dev.samara.core.internal.syscall.Mremap;
import dev.samara.core.internal.syscall.Mseal;
import dev.samara.core.internal.syscall.Shm;
import dev.samara.core.internal.syscall.Syscall;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The merges and cuts of each call, drawn as described in {@link DrawnLayout}. */
@DisplayName("Each call joins only VMAs that it makes or changes, and only at its two ends")
class MergingCallsTest {
    private static final long PAGE = DrawnLayout.GEOMETRY.pageSize();
    private static final int NONE = Mman.NONE;
    private static final int READ = Mman.READ;
    private static final int READ_WRITE = READ | Mman.WRITE;
    private static final int MOVE = Mman.MAYMOVE;
    private static final int MOVE_TO = MOVE | Mman.MREMAP_FIXED;
    private static final int COPY_TO = MOVE_TO | Mman.DONTUNMAP;
    private static final int HEAP_PAGE = 4;
    private static final int ENOUGH = 65530;

    /**
     * A call, with the layouts before and after it.
     *
     * @param what the rule that it shows
     * @param before the layout before the call
     * @param call the call
     * @param after the layout after the call
     */
    private record Row(String what, String before, ToLongFunction<Layout> call, String after) {
        @Override
        public String toString() {
            return what + ": " + before + " to " + after;
        }
    }

    private static long mapped(Layout layout, int page, int pages, int protection, @Nullable Backing file) {
        int kind = Mman.PRIVATE | Mman.FIXED | (file == null ? Mman.ANONYMOUS : 0);
        return Syscall.run(
                layout,
                Mmap.of(layout, address(page), pages * PAGE, protection, kind, file, file == null ? 0 : page * PAGE));
    }

    private static ToLongFunction<Layout> mmap(int page, int pages, int protection) {
        return layout -> mapped(layout, page, pages, protection, null);
    }

    private static ToLongFunction<Layout> mmap(int page, int pages, Backing file) {
        return layout -> mapped(layout, page, pages, READ_WRITE, file);
    }

    private static ToLongFunction<Layout> mprotect(int from, int to, int protection) {
        return layout -> Syscall.run(layout, new Mprotect(address(from), (to - from) * PAGE, protection));
    }

    private static ToLongFunction<Layout> madvise(int from, int to, int advice) {
        return layout -> Madvise.madvise(layout, address(from), (to - from) * PAGE, advice);
    }

    private static ToLongFunction<Layout> munmap(int from, int to) {
        return layout -> Syscall.run(layout, new Munmap(address(from), (to - from) * PAGE));
    }

    private static ToLongFunction<Layout> mremap(int page, int oldPages, int newPages, int flags, int target) {
        return layout -> Syscall.run(
                layout, new Mremap(address(page), oldPages * PAGE, newPages * PAGE, flags, address(target)));
    }

    /** Makes one call after the other. Returns the result of the first one if it fails, otherwise of the second one. */
    private static ToLongFunction<Layout> then(ToLongFunction<Layout> first, ToLongFunction<Layout> second) {
        return layout -> {
            long result = first.applyAsLong(layout);
            return Errno.isError(result) ? result : second.applyAsLong(layout);
        };
    }

    static Stream<Row> rows() {
        return Stream.of(
                new Row("mmap fills the gap", "[aa]..[aa]", mmap(2, 2, READ_WRITE), "[aaaaaa]"),
                new Row("mmap of another right", "[aa]..[aa]", mmap(2, 2, READ), "[aa][AA][aa]"),
                new Row("mmap over others", "[aa][E][ff][aa]", mmap(2, 3, READ_WRITE), "[aaaaaaa]"),
                new Row("mmap cuts, then joins again", "[aaaaaa]", mmap(2, 2, READ_WRITE), "[aaaaaa]"),
                new Row("mmap cuts both edges", "[aaa][eee]", mmap(2, 2, READ), "[aa][AA][ee]"),
                new Row("mmap takes an identity", "[xx]..[EE]", mmap(2, 2, READ_WRITE), "[xxxx][EE]"),
                new Row("mmap over an identity", "[xxxxxx]", mmap(2, 2, READ_WRITE), "[xxxxxx]"),
                new Row("mmap between identities", "[xx]..[yy]", mmap(2, 2, READ_WRITE), "[xxxx][yy]"),
                new Row("mmap inherits nothing", "[iiiiii]", mmap(2, 2, READ_WRITE), "[ii][aa][ii]"),
                new Row("mmap of the same file", "[ff]..[ff]", mmap(2, 2, DrawnLayout.FILE_F), "[ffffff]"),
                new Row("mmap of another open", "[ff]..[ff]", mmap(2, 2, DrawnLayout.FILE_G), "[ff][gg][ff]"),
                new Row("mmap at another offset", "[hh]..[hh]", mmap(2, 2, DrawnLayout.FILE_F), "[hh][ff][hh]"),
                new Row("mprotect of a head", "[aa][AAAA]", mprotect(2, 4, READ_WRITE), "[aaaa][AA]"),
                new Row("mprotect of a tail", "[AAAA][aa]", mprotect(2, 4, READ_WRITE), "[AA][aaaa]"),
                new Row("mprotect of a middle", "[AAAA]", mprotect(1, 3, READ_WRITE), "[A][aa][A]"),
                new Row("mprotect back", "[A][aa][A]", mprotect(1, 3, READ), "[AAAA]"),
                new Row("mprotect drops the promise", "[aa][AA]", mprotect(0, 2, READ), "[AAAA]"),
                new Row("mprotect of several", "[AA][EE][AA]", mprotect(1, 5, READ_WRITE), "[A][aaaa][A]"),
                new Row("mprotect of equals", "[AA][AA][AA]", mprotect(0, 6, READ_WRITE), "[aaaaaa]"),
                new Row("mprotect between identities", "[xx][AA][yy]", mprotect(2, 4, READ_WRITE), "[xxxx][yy]"),
                new Row("mprotect of no change", "[aa][aa]", mprotect(0, 4, READ_WRITE), "[aa][aa]"),
                new Row("mprotect away from equals", "[aa][aa][EE]", mprotect(4, 6, READ_WRITE), "[aa][aaaa]"),
                new Row("munmap of a middle", "[aaaaaa]", munmap(2, 4), "[aa]..[aa]"),
                new Row("munmap of a head", "[aaaa]", munmap(0, 1), ".[aaa]"),
                new Row("munmap of a tail", "[ffff]", munmap(3, 4), "[fff]"),
                new Row("munmap of several", "[aa][AA][aa]", munmap(1, 5), "[a]....[a]"),
                new Row("munmap joins nothing", "[aa][aa]..[E]", munmap(4, 7), "[aa][aa]"),
                new Row("growth", "[aa]", mremap(0, 2, 4, 0, 0), "[aaaa]"),
                new Row("growth up to an equal", "[aa]..[aa]", mremap(0, 2, 4, 0, 0), "[aaaaaa]"),
                new Row("growth of an equal's half", "[aa][aa]..", mremap(2, 2, 4, 0, 0), "[aa][aaaa]"),
                new Row("growth with identity", "[xx]..[aa]", mremap(0, 2, 4, 0, 0), "[xxxxxx]"),
                new Row("growth up to another identity", "[xx]..[yy]", mremap(0, 2, 4, 0, 0), "[xxxx][yy]"),
                new Row("growth of inherited memory", "[ii]..[ii]", mremap(0, 2, 4, 0, 0), "[iiiiii]"),
                new Row("growth up to another place", "[aa]..[mm]", mremap(0, 2, 4, 0, 0), "[aaaa][mm]"),
                new Row("growth of a file mapping", "[ff]..[ff]", mremap(0, 2, 4, 0, 0), "[ffffff]"),
                new Row("shrinking", "[aaaa][aa]", mremap(0, 4, 2, 0, 0), "[aa]..[aa]"),
                new Row("a move between equals", "[aa]..[aa].[aa]", mremap(7, 2, 2, MOVE_TO, 2), "[aaaaaa]"),
                new Row("a move of part", "[aa]..[E][aaaa]", mremap(6, 2, 2, MOVE_TO, 2), "[aaaa][E][a]..[a]"),
                new Row("a move keeps an identity's place", "[xxx]..[x]", mremap(5, 1, 1, MOVE_TO, 3), "[xxx][?]"),
                new Row("a move there and back", "[xx][X]", then(there(), back()), "[xx][X]"),
                new Row("an attachment's middle there and back", "[ssssss]", then(away(), home()), "[ssss][ss]"),
                new Row("a copy beside its source", "[aa]", mremap(0, 2, 2, COPY_TO, 2), "[aaaa]"),
                new Row("a copy and an emptied source", "[xx].[EE]", mremap(0, 2, 2, COPY_TO, 6), "[aa].[EE].[??]"),
                new Row("advice and back", "[aaaa]", then(advise(), unadvise()), "[aaaa]"),
                new Row("advice of a part", "[aaaa]", advise(), "[a][??][a]"),
                new Row(
                        "locking a part",
                        "[aaaa]",
                        layout -> Syscall.run(layout, new Mlock.Lock(address(1), PAGE, 0)),
                        "[a][?][aa]"),
                new Row("unlocking it", "[aaaa]", then(MergingCallsTest::lock, MergingCallsTest::unlock), "[aaaa]"),
                new Row(
                        "sealing a part",
                        "[aaaa]",
                        layout -> Syscall.run(layout, new Mseal(address(2), PAGE, 0)),
                        "[aa][?][a]"),
                new Row("guards mark the whole", "[aaaa]", madvise(1, 3, Mman.GUARD_INSTALL), "[????]"),
                new Row("growth of a named mapping", "[oo]..[aa]", mremap(0, 2, 4, 0, 0), "[oooo][aa]"),
                new Row("sealing beside", "[aaaa]", then(seal(1), seal(2)), "[a][??][a]"));
    }

    private static ToLongFunction<Layout> there() {
        return mremap(0, 2, 2, MOVE_TO, 5);
    }

    private static ToLongFunction<Layout> back() {
        return mremap(5, 2, 2, MOVE_TO, 0);
    }

    private static ToLongFunction<Layout> away() {
        return mremap(2, 2, 2, MOVE_TO, 9);
    }

    private static ToLongFunction<Layout> home() {
        return mremap(9, 2, 2, MOVE_TO, 2);
    }

    private static ToLongFunction<Layout> advise() {
        return madvise(1, 3, Mman.DONTFORK);
    }

    private static ToLongFunction<Layout> unadvise() {
        return madvise(1, 3, Mman.DOFORK);
    }

    private static long lock(Layout layout) {
        return Syscall.run(layout, new Mlock.Lock(address(1), PAGE, 0));
    }

    private static long unlock(Layout layout) {
        return Syscall.run(layout, new Mlock.Unlock(address(1), PAGE));
    }

    private static ToLongFunction<Layout> seal(int page) {
        return layout -> Syscall.run(layout, new Mseal(address(page), PAGE, 0));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void leaves(Row row) {
        Layout layout = DrawnLayout.layout(row.before());
        long result = row.call().applyAsLong(layout);
        assertEquals("done", outcome(result));
        assertEquals(row.after(), DrawnLayout.of(layout));
        layout.validate();
    }

    private static String outcome(long result) {
        return Errno.isError(result) ? Errno.of(result).toString() : "done";
    }

    @Test
    @DisplayName("Attaching a segment again beside an attachment joins nothing")
    void attachments() {
        Layout layout = DrawnLayout.layout("....");
        SharedSegment segment = new SharedSegment(9, 0, 2 * PAGE);
        assertEquals(address(0), Shm.shmat(layout, segment, address(0), 0));
        assertEquals(address(2), Shm.shmat(layout, segment, address(2), 0));
        assertEquals("[??][??]", DrawnLayout.of(layout));
        assertEquals(address(1), Shm.shmat(layout, segment, address(1), Mman.REMAP));
        assertEquals("[?][??][?]", DrawnLayout.of(layout));
        layout.validate();
    }

    static Stream<Row> brks() {
        return Stream.of(
                new Row("what ends where the heap begins is not of it", "[aaaa]", brk(6), "[aaaa][aa]"),
                new Row("the heap goes on", "[aaaa]", then(brk(6), brk(7)), "[aaaa][aaa]"),
                new Row("what reaches into the heap is of it", "[aaaaa]", brk(7), "[aaaaaaa]"),
                new Row("what differs is not", "[EEEEE]", brk(7), "[EEEEE][aa]"),
                new Row("an identity is lent", "[E]...[x]", brk(7), "[E]...[xxx]"),
                new Row("an inherited one is not", "[E]...[i]", brk(7), "[E]...[i][aa]"),
                new Row("the next is left alone", "........[aa]", brk(7), "....[aaa].[aa]"),
                new Row("a shrink joins nothing", "[aaaa]", then(brk(7), brk(5)), "[aaaa][a]"));
    }

    private static ToLongFunction<Layout> brk(int page) {
        return layout -> Syscall.run(layout, new Brk(address(page))) == address(page) ? 0 : Errno.ENOMEM.result();
    }

    @ParameterizedTest
    @MethodSource("brks")
    @DisplayName("The heap joins only parts of the heap")
    void heap(Row row) {
        List<VmArea> vmas = DrawnLayout.vmas(row.before());
        boolean begun = vmas.stream().anyMatch(vma -> vma.contains(address(HEAP_PAGE)));
        Layout layout = DrawnLayout.layout(vmas, ENOUGH, HEAP_PAGE, begun ? HEAP_PAGE + 1 : HEAP_PAGE);
        assertEquals("done", outcome(row.call().applyAsLong(layout)));
        assertEquals(row.after(), DrawnLayout.of(layout));
        layout.validate();
    }

    static Stream<Row> refusedForCount() {
        return Stream.of(
                new Row("ENOMEM", "[aaaa][E]", mprotect(1, 3, READ), "[a][aaa][E]"),
                new Row("ENOMEM", "[aa][aa][E]", mprotect(1, 3, READ), "[aa][aa][E]"),
                new Row("done", "[aa][aa][E]", mprotect(0, 4, READ), "[AAAA][E]"),
                new Row("done", "[aa][AA][E]", mprotect(1, 2, READ), "[a][AAA][E]"),
                new Row("EAGAIN", "[aaaa][E]", madvise(1, 3, Mman.DONTFORK), "[a][aaa][E]"),
                new Row(
                        "ENOMEM",
                        "[aaaa][E]",
                        layout -> Syscall.run(layout, new Mlock.Lock(address(1), PAGE, 0)),
                        "[a][aaa][E]"),
                new Row(
                        "ENOMEM",
                        "[aaaa][E]",
                        layout -> Syscall.run(layout, new Mseal(address(1), PAGE, 0)),
                        "[a][aaa][E]"),
                new Row("ENOMEM", "[aaaa].[E].[E]", munmap(1, 2), "[aaaa].[E].[E]"),
                new Row("done", "[aaaa].[E].[E]", munmap(0, 2), "..[aa].[E].[E]"),
                new Row("ENOMEM", "[aaaa].[E].[E]", mmap(1, 2, NONE), "[aaaa].[E].[E]"),
                new Row("done", "[aaaa].[E].[E]", mmap(0, 4, READ), "[AAAA].[E].[E]"));
    }

    @ParameterizedTest
    @MethodSource("refusedForCount")
    @DisplayName("With room for three mappings, cuts beyond are refused, and the first one may remain")
    void limitOfMappings(Row row) {
        Layout layout = DrawnLayout.layout(row.before(), 3);
        assertEquals(row.what(), outcome(row.call().applyAsLong(layout)));
        assertEquals(row.after(), DrawnLayout.of(layout));
        layout.validate();
    }

    static Stream<ToLongFunction<Layout>> cutsOfNamed() {
        return Stream.of(
                munmap(0, 2),
                munmap(1, 3),
                munmap(2, 4),
                mmap(1, 2, READ),
                mprotect(0, 2, READ),
                mprotect(1, 3, READ),
                mprotect(2, 4, READ),
                madvise(1, 3, Mman.DONTDUMP),
                layout -> Syscall.run(layout, new Mseal(address(1), PAGE, 0)),
                mremap(1, 2, 2, MOVE_TO, 10),
                mremap(0, 4, 2, 0, 0),
                mremap(8, 1, 1, MOVE_TO, 2));
    }

    @ParameterizedTest
    @MethodSource("cutsOfNamed")
    @DisplayName("A mapping of the kernel itself is never cut")
    void namedMappings(ToLongFunction<Layout> call) {
        Layout layout = DrawnLayout.layout("[nnnn]....[E]");
        assertEquals("EINVAL", outcome(call.applyAsLong(layout)));
        assertEquals("[nnnn]....[E]", DrawnLayout.of(layout));
        layout.validate();
    }

    @Test
    @DisplayName("A mapping of the kernel itself can be removed as a whole")
    void namedMappingAsAWhole() {
        Layout layout = DrawnLayout.layout("[NNNN]....[E]");
        assertEquals(0, mprotect(0, 4, READ_WRITE).applyAsLong(layout));
        assertEquals("[nnnn]....[E]", DrawnLayout.of(layout));
        assertEquals(0, munmap(0, 4).applyAsLong(layout));
        assertEquals("........[E]", DrawnLayout.of(layout));
    }

    private static VmArea withFlags(int from, int to, long flags) {
        DrawnLayout.Kind plain = DrawnLayout.kind('a');
        return new DrawnLayout.Kind(flags, plain.backing(), plain.name(), plain.identity(), plain.skew())
                .over(from, to);
    }

    /** Maps writable memory between two VMAs, or makes memory there writable, and draws the layout without kinds. */
    private static void assertBetween(String expected, long left, long right) {
        List<VmArea> around = List.of(withFlags(0, 2, left), withFlags(4, 6, right));
        Layout fresh = DrawnLayout.layout(around);
        assertEquals(address(2), mapped(fresh, 2, 2, READ_WRITE, null));
        Layout changed =
                DrawnLayout.layout(List.of(around.get(0), DrawnLayout.kind('A').over(2, 4), around.get(1)));
        assertEquals(0, mprotect(2, 4, READ_WRITE).applyAsLong(changed));
        for (Layout layout : List.of(fresh, changed)) {
            layout.validate();
            assertEquals(expected, DrawnLayout.of(layout).replaceAll("[a-zA-Z?]", "o"));
        }
    }

    static IntStream bits() {
        return IntStream.range(0, VmaFlags.BITS).filter(bit -> 1L << bit != VmaFlags.MAYBE_GUARD);
    }

    @ParameterizedTest(name = "bit {0}")
    @MethodSource("bits")
    @DisplayName("One flag that differs, whichever it is, prevents a merge at that side and at no other")
    void everyFlagCounts(int bit) {
        long same = DrawnLayout.WRITTEN;
        long other = same ^ 1L << bit;
        assertBetween("[oo][oooo]", other, same);
        assertBetween("[oooo][oo]", same, other);
        assertBetween("[oo][oo][oo]", other, other);
    }

    @Test
    @DisplayName("Possible guard markers prevent no merge, and whatever has a part that may have them may have them")
    void stickyFlag() {
        long plain = DrawnLayout.WRITTEN;
        long marked = plain | VmaFlags.MAYBE_GUARD;
        assertBetween("[oooooo]", marked, plain);
        assertBetween("[oooooo]", plain, marked);
        for (int place = 0; place < 3; place++) {
            List<VmArea> vmas = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                long flags = (i == 1 ? DrawnLayout.kind('A').flags() : plain) | (i == place ? VmaFlags.MAYBE_GUARD : 0);
                vmas.add(withFlags(2 * i, 2 * i + 2, flags));
            }
            Layout layout = DrawnLayout.layout(vmas);
            assertEquals(0, mprotect(2, 4, READ_WRITE).applyAsLong(layout));
            assertEquals(marked, Layouts.vmas(layout).get(0).flags());
        }
    }

    static final List<Long> SPECIAL =
            List.of(VmaFlags.IO, VmaFlags.DONTEXPAND, VmaFlags.PFNMAP, VmaFlags.MIXEDMAP, VmaFlags.SPECIAL);

    @ParameterizedTest
    @FieldSource("SPECIAL")
    @DisplayName("Special mappings never merge, equal as they may be")
    void specialMappings(long special) {
        long flags = DrawnLayout.WRITTEN | special;
        Layout layout = DrawnLayout.layout(
                List.of(withFlags(0, 2, flags), withFlags(2, 4, flags & ~VmaFlags.WRITE), withFlags(4, 6, flags)));
        assertEquals(0, mprotect(2, 4, READ_WRITE).applyAsLong(layout));
        assertEquals(
                List.of(flags, flags, flags),
                Layouts.vmas(layout).stream().map(VmArea::flags).toList());
        layout.validate();
    }
}
