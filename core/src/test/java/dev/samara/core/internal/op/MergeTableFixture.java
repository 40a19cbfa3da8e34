// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Changes of layouts that are drawn as described in {@link DrawnLayout}. */
abstract class MergeTableFixture {
    /** The two kinds of merges. Both apply the same rules to the neighbours. */
    enum Change {
        /** A new range, {@code oo..oo} filled in the middle. */
        NEW {
            @Override
            Layout apply(VmArea left, VmArea piece, VmArea right) {
                Layout layout = DrawnLayout.layout(List.of(left, right));
                place(layout, piece);
                return layout;
            }
        },
        /** An existing range whose flags change. */
        EXISTING {
            @Override
            Layout apply(VmArea left, VmArea piece, VmArea right) {
                long before = piece.flags() ^ VmaFlags.DONTDUMP;
                VmArea unlike =
                        VmaCut.part(piece, piece.start(), piece.end(), before, DrawnLayout.GEOMETRY.pageShift());
                Layout layout = DrawnLayout.layout(List.of(left, unlike, right));
                return change(layout, piece.start(), piece.end(), piece.flags());
            }
        };

        /** Creates or changes the middle one of three VMAs of two pages each, and returns the layout. */
        abstract Layout apply(VmArea left, VmArea piece, VmArea right);
    }

    /** Places a new piece, as a mapping does. */
    static void place(Layout layout, VmArea piece) {
        VmArea placed;
        try (Edit edit = Layouts.edit(layout)) {
            placed = VmaMerge.place(edit, piece);
            Publication.publish(edit, 0);
        }
        layout.validate();
        assertSame(placed, layout.find(piece.start()), "place() returns what covers the piece");
        assertSame(placed, layout.find(piece.end() - 1), "place() returns what covers the piece");
    }

    /** Changes the flags of part of a VMA. Returns null if that succeeded, otherwise the errno. */
    static @Nullable Errno tryChange(Layout layout, long start, long end, long flags) {
        long reached;
        try (Edit edit = Layouts.edit(layout)) {
            VmArea vma = edit.at(start);
            assertNotNull(vma);
            reached = VmaMerge.change(edit, vma, start, end, flags);
            Publication.publish(edit, 0);
        }
        layout.validate();
        if (Errno.isError(reached)) {
            return Errno.of(reached);
        }
        VmArea changed = layout.find(start);
        assertNotNull(changed);
        assertEquals(reached, changed.end(), "change() returns the end of what covers the part");
        assertSame(changed, layout.find(end - 1));
        return null;
    }

    static Layout change(Layout layout, long start, long end, long flags) {
        assertNull(tryChange(layout, start, end, flags), "refused");
        return layout;
    }

    /** Makes pages of a drawing writable: an upper-case letter becomes lower case. */
    static @Nullable Errno makeWritable(Layout layout, int from, int to) {
        VmArea vma = layout.find(DrawnLayout.address(from));
        assertNotNull(vma);
        long flags =
                DrawnLayout.kind(Character.toLowerCase(DrawnLayout.letter(vma))).flags();
        return tryChange(layout, DrawnLayout.address(from), DrawnLayout.address(to), flags);
    }

    /** Returns the drawing of a layout without the kinds. */
    static String shape(Layout layout) {
        return DrawnLayout.of(layout).replaceAll("[a-zA-Z?]", "o");
    }
}
