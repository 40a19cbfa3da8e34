// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.syscall.InitialMappings;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Layouts as drawings: {@code [aa]..[b]} is a VMA of two pages of the kind {@code a}, two unmapped pages, and a VMA of
 * one page of the kind {@code b}. A kind determines everything about a VMA except its range, so equal drawings are
 * equal layouts.
 *
 * <p>A letter is a family: lower case is writable memory, upper case is the same memory without the current right to
 * write.
 */
final class DrawnLayout {
    static final Geometry GEOMETRY = new Geometry(12, 4, 15, 0x4000, 0x180000, 0x180000);

    /** The first page of a drawing. */
    static final int FIRST_PAGE = 16;

    /** The page of the heap where it does not matter. */
    private static final int FAR_PAGE = 200;

    private static final int ENOUGH = 65530;

    /**
     * One open of a file. Two opens of one file are equal, which exposes code that compares opens with {@code equals}.
     *
     * @param name the name
     */
    record Open(String name) implements Backing {
        @Override
        public int major() {
            return 8;
        }

        @Override
        public int minor() {
            return 1;
        }

        @Override
        public long inode() {
            return 77;
        }
    }

    /**
     * Everything about a VMA except its range.
     *
     * @param flags its bits
     * @param backing its backing
     * @param name its name
     * @param identity its anonymous-memory identity
     * @param skew its offset minus its address, in pages
     */
    record Kind(
            long flags,
            @Nullable Backing backing,
            @Nullable String name,
            @Nullable AnonVma identity,
            long skew) {
        VmArea over(int fromPage, int toPage) {
            return VmArea.describe(address(fromPage), address(toPage), flags, fromPage + skew, backing, name, identity);
        }

        private boolean isOf(VmArea vma) {
            return flags == vma.flags()
                    && backing == vma.backing()
                    && Objects.equals(name, vma.name())
                    && identity == vma.anonVma()
                    && vma.pageOffset() == GEOMETRY.pages(vma.start()) - FIRST_PAGE + skew;
        }
    }

    /** The flags of private writable memory, as {@code mmap} makes it. */
    static final long WRITTEN = VmaFlags.READ | VmaFlags.WRITE | VmaFlags.MAY_ACCESS | VmaFlags.ACCOUNT;

    private static final long READ_ONLY = VmaFlags.READ | VmaFlags.MAY_ACCESS;
    private static final long SHARED = VmaFlags.SHARED | VmaFlags.MAYSHARE;
    private static final SharedSegment SEGMENT = new SharedSegment(5, 0, 1L << 20);

    static final AnonVma IDENTITY_X = AnonVma.fresh();
    static final AnonVma IDENTITY_Y = AnonVma.fresh();
    static final AnonVma INHERITED_I = AnonVma.inherited();
    static final AnonVma INHERITED_J = AnonVma.inherited();

    /** One open, and a second one of the same file. */
    static final Backing FILE_F = new Open("file");

    static final Backing FILE_G = new Open("file");

    private static final Map<Character, Kind> KINDS = kinds();

    private DrawnLayout() {}

    private static Map<Character, Kind> kinds() {
        Map<Character, Kind> kinds = new LinkedHashMap<>();
        // Anonymous memory without an identity; with another right; with the offset of another place.
        family(kinds, 'a', 0, null, null, null, FIRST_PAGE);
        family(kinds, 'e', VmaFlags.EXEC, null, null, null, FIRST_PAGE);
        family(kinds, 'm', 0, null, null, null, FIRST_PAGE + 3);
        // Anonymous memory with the identities.
        family(kinds, 'x', 0, null, null, IDENTITY_X, FIRST_PAGE);
        family(kinds, 'y', 0, null, null, IDENTITY_Y, FIRST_PAGE);
        family(kinds, 'i', 0, null, null, INHERITED_I, FIRST_PAGE);
        family(kinds, 'j', 0, null, null, INHERITED_J, FIRST_PAGE);
        // Private mappings of a file: an open, the same open with larger and with smaller offsets, and another open.
        family(kinds, 'f', 0, FILE_F, null, null, 0);
        family(kinds, 'h', 0, FILE_F, null, null, 1);
        family(kinds, 'k', 0, FILE_F, null, null, -1);
        family(kinds, 'g', 0, FILE_G, null, null, 0);
        // Two attachments of a segment, which counts its mappings.
        shared(kinds, 's', SEGMENT.attach(false));
        shared(kinds, 't', SEGMENT.attach(false));
        // Mappings of the kernel itself, and named memory.
        family(kinds, 'n', VmaFlags.DONTEXPAND, null, "[vdso]", null, FIRST_PAGE);
        family(kinds, 'o', 0, null, "[anon:pool]", null, FIRST_PAGE);
        return kinds;
    }

    private static void family(
            Map<Character, Kind> kinds,
            char letter,
            long moreFlags,
            @Nullable Backing backing,
            @Nullable String name,
            @Nullable AnonVma identity,
            long skew) {
        kinds.put(letter, new Kind(WRITTEN | moreFlags, backing, name, identity, skew));
        kinds.put(Character.toUpperCase(letter), new Kind(READ_ONLY | moreFlags, backing, name, identity, skew));
    }

    private static void shared(Map<Character, Kind> kinds, char letter, Backing backing) {
        long writable = (WRITTEN & ~VmaFlags.ACCOUNT) | SHARED;
        kinds.put(letter, new Kind(writable, backing, null, null, 0));
        kinds.put(Character.toUpperCase(letter), new Kind(writable & ~VmaFlags.WRITE, backing, null, null, 0));
    }

    static long address(int page) {
        return (long) (FIRST_PAGE + page) << GEOMETRY.pageShift();
    }

    static Kind kind(char letter) {
        Kind kind = KINDS.get(letter);
        if (kind == null) {
            throw new IllegalArgumentException("no kind '" + letter + "'");
        }
        return kind;
    }

    /** Returns a VMA's letter, or a question mark if it matches no kind. */
    static char letter(VmArea vma) {
        return KINDS.entrySet().stream()
                .filter(entry -> entry.getValue().isOf(vma))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse('?');
    }

    /** Returns the VMAs of a drawing. */
    static List<VmArea> vmas(String drawing) {
        List<VmArea> vmas = new ArrayList<>();
        int page = 0;
        for (int at = 0; at < drawing.length(); at++) {
            if (drawing.charAt(at) == '.') {
                page++;
                continue;
            }
            int close = drawing.indexOf(']', at);
            int pages = close - at - 1;
            vmas.add(kind(drawing.charAt(at + 1)).over(page, page + pages));
            page += pages;
            at = close;
        }
        return vmas;
    }

    /** Draws VMAs, which must be in ascending order. */
    static String of(List<VmArea> vmas) {
        StringBuilder drawing = new StringBuilder();
        long end = address(0);
        for (VmArea vma : vmas) {
            drawing.append(".".repeat((int) GEOMETRY.pages(vma.start() - end)))
                    .append('[')
                    .append(String.valueOf(letter(vma)).repeat((int) GEOMETRY.pages(vma.length())))
                    .append(']');
            end = vma.end();
        }
        return drawing.toString();
    }

    /** Draws a layout. */
    static String of(Layout layout) {
        List<VmArea> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return of(vmas);
    }

    /** Creates a layout from a drawing. */
    static Layout layout(String drawing) {
        return layout(drawing, ENOUGH);
    }

    /** Creates a layout from a drawing, with a limit on the number of mappings. */
    static Layout layout(String drawing, int maxMaps) {
        return layout(vmas(drawing), maxMaps, FAR_PAGE, FAR_PAGE);
    }

    static Layout layout(List<VmArea> vmas) {
        return layout(vmas, ENOUGH, FAR_PAGE, FAR_PAGE);
    }

    /** Creates a layout, with a limit on the number of mappings, and with the heap between two pages. */
    static Layout layout(List<VmArea> vmas, int maxMaps, int heapPage, int brkPage) {
        return layout(vmas, Layouts.host(maxMaps, 0, MachineState.UNLIMITED), heapPage, brkPage);
    }

    /** Creates a layout on a machine. */
    static Layout layout(List<VmArea> vmas, MachineState host) {
        return layout(vmas, host, FAR_PAGE, FAR_PAGE);
    }

    private static Layout layout(List<VmArea> vmas, MachineState host, int heapPage, int brkPage) {
        long heap = address(heapPage);
        long brk = address(brkPage);
        return InitialMappings.load(Layouts.spaces(host), Layouts.origin(heap, brk), vmas);
    }
}
