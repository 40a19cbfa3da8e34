// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.replay;

import dev.samara.core.LayoutSnapshot;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.tool.record.FileReport;
import dev.samara.tool.record.Rights;
import dev.samara.tool.trace.FlagsLine;
import dev.samara.tool.trace.KernelSnapshot;
import dev.samara.tool.trace.MapsLine;
import dev.samara.tool.trace.Span;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

/**
 * Compares a snapshot with a layout, page by page. The boundaries of VMAs are ignored, because some merges depend on
 * which pages of anonymous memory were touched, and a trace does not contain this.
 */
final class SnapshotComparison {
    /** The flags that have a name, so that a snapshot can show them. */
    private static final long NAMED = VmaFlags.parse(VmaFlags.format(-1L));

    private static final String NOTHING = "nothing";

    private final FileReport report;
    private final KernelSnapshot kernel;
    private final String what;
    private final List<Vma> vmas;
    private final SharedObjects objects;
    private final UnknownAccounting unknown;

    /**
     * Prepares a comparison.
     *
     * @param report receives each difference
     * @param kernel the kernel's snapshot
     * @param what the name of the comparison in a difference
     * @param layout the library's layout
     * @param objects the known pairs of shared objects; the comparison adds further pairs
     * @param unknown the pages whose flag {@code ac} is unknown
     */
    SnapshotComparison(
            FileReport report,
            KernelSnapshot kernel,
            String what,
            LayoutSnapshot layout,
            SharedObjects objects,
            UnknownAccounting unknown) {
        this.report = report;
        this.kernel = kernel;
        this.what = what;
        this.vmas = layout.vmas();
        this.objects = objects;
        this.unknown = unknown;
    }

    /** Compares everything that the snapshot shows. */
    void run() {
        walk(kernel.maps(), true, this::compareMapping);
        if (!kernel.flags().isEmpty()) {
            walk(kernel.flags(), !coverAlike(kernel.maps(), kernel.flags()), this::compareFlags);
        }
    }

    /** Compares the pages in {@code [start, end)}, which are in one line and in one VMA. */
    private interface SpanComparison<S extends Span> {
        void compare(long start, long end, S line, Vma vma);
    }

    /**
     * Splits the lines and the VMAs into ranges that are in one line and one VMA. A range that is only in a line, or
     * only in a VMA, is a difference.
     */
    private <S extends Span> void walk(List<S> lines, boolean coverage, SpanComparison<S> pair) {
        long at = 0;
        int i = 0;
        int j = 0;
        while (i < lines.size() || j < vmas.size()) {
            S line = i < lines.size() ? lines.get(i) : null;
            Vma vma = j < vmas.size() ? vmas.get(j) : null;
            long lineStart = line == null ? -1L : higher(at, line.start());
            long vmaStart = vma == null ? -1L : higher(at, vma.start());
            long start = lower(lineStart, vmaStart);
            boolean inLine = line != null && lineStart == start;
            boolean inVma = vma != null && vmaStart == start;
            long lineEdge = line == null ? -1L : inLine ? line.end() : lineStart;
            long vmaEdge = vma == null ? -1L : inVma ? vma.end() : vmaStart;
            long end = lower(lineEdge, vmaEdge);
            if (inLine && inVma) {
                pair.compare(start, end, Objects.requireNonNull(line), Objects.requireNonNull(vma));
            } else if (coverage && line != null && inLine) {
                differs(line.line(), start, end, describe(line), NOTHING);
            } else if (coverage && vma != null) {
                differs(kernel.line(), start, end, NOTHING, describe(vma, start));
            }
            at = end;
            i += inLine && end == lineEdge ? 1 : 0;
            j += inVma && end == vmaEdge ? 1 : 0;
        }
    }

    private void compareMapping(long start, long end, MapsLine line, Vma vma) {
        if (line.rights() != (vma.flags() & Rights.MASK)
                || !objects.isShownBy(line, vma.backing())
                || line.offsetAt(start) != offset(vma, start)) {
            differs(line.line(), start, end, describe(line, start), describe(vma, start));
        }
    }

    private void compareFlags(long start, long end, FlagsLine line, Vma vma) {
        long wrong = (line.flags() ^ vma.flags()) & NAMED;
        boolean open =
                wrong == VmaFlags.ACCOUNT && UnknownAccounting.isPrivateAnonymous(vma) && unknown.contains(start, end);
        if (wrong != 0 && !open) {
            differs(line.line(), start, end, VmaFlags.format(line.flags()), VmaFlags.format(vma.flags()));
        }
    }

    private void differs(int line, long start, long end, String kernelText, String samaraText) {
        String range = String.format(Locale.ROOT, "%s %x-%x", what, start, end);
        report.differs(line, range, kernelText, samaraText);
    }

    /**
     * Returns whether flags were recorded for exactly the ranges of the maps. In that case the comparison of the maps
     * already reported missing ranges.
     */
    private static boolean coverAlike(List<MapsLine> maps, List<FlagsLine> flags) {
        if (maps.size() != flags.size()) {
            return false;
        }
        for (int i = 0; i < maps.size(); i++) {
            if (maps.get(i).start() != flags.get(i).start()
                    || maps.get(i).end() != flags.get(i).end()) {
                return false;
            }
        }
        return true;
    }

    private static long offset(Vma vma, long start) {
        return vma.backing() == null
                ? 0
                : (vma.pageOffset() << Geometry.LINUX_X86_64.pageShift()) + (start - vma.start());
    }

    private static String describe(Span span) {
        return span instanceof MapsLine line
                ? describe(line, line.start())
                : VmaFlags.format(((FlagsLine) span).flags());
    }

    private static String describe(MapsLine line, long start) {
        return describe(line.rights(), line.offsetAt(start), line.major(), line.minor(), line.inode());
    }

    private static String describe(Vma vma, long start) {
        Backing backing = vma.backing();
        return backing == null
                ? describe(vma.flags(), 0, 0, 0, 0)
                : describe(vma.flags(), offset(vma, start), backing.major(), backing.minor(), backing.inode());
    }

    private static String describe(long flags, long offset, int major, int minor, long inode) {
        return String.format(
                Locale.ROOT,
                "%s %08x %02x:%02x %s",
                Rights.format(flags),
                offset,
                major,
                minor,
                Long.toUnsignedString(inode));
    }

    private static long lower(long one, long other) {
        return Long.compareUnsigned(one, other) <= 0 ? one : other;
    }

    private static long higher(long one, long other) {
        return Long.compareUnsigned(one, other) >= 0 ? one : other;
    }
}
