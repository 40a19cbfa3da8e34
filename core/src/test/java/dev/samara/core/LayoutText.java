// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.AnonVma;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A layout as text, to compare and to read: one line per VMA with everything that it has. Backings and identities are
 * numbered in the order in which this listing met them, so two layouts whose objects differ can be compared.
 */
public final class LayoutText {
    private final IdentityHashMap<Object, Integer> numbers = new IdentityHashMap<>();

    /** The layout that a space has now, with numbers that begin anew. */
    public static String of(AddressSpace space) {
        return of(space.layout());
    }

    /** A layout as text, also if the reference that led to it is closed. */
    public static String of(Layout layout) {
        List<Vma> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return new LayoutText().text(vmas);
    }

    /** A list of VMAs. */
    public String text(List<Vma> vmas) {
        StringBuilder text = new StringBuilder();
        for (Vma vma : vmas) {
            text.append(Long.toHexString(vma.start()))
                    .append('-')
                    .append(Long.toHexString(vma.end()))
                    .append(' ')
                    .append(VmaFlags.format(vma.flags()))
                    .append(" +")
                    .append(Long.toHexString(vma.pageOffset()))
                    .append(name(vma.backing()))
                    .append(vma.name() == null ? "" : " " + vma.name())
                    .append(name(VmArea.of(vma).anonVma()))
                    .append('\n');
        }
        return text.toString();
    }

    private String name(@Nullable Backing backing) {
        return backing == null ? "" : " " + backing.name() + '#' + number(backing);
    }

    private String name(@Nullable AnonVma identity) {
        return identity == null ? "" : (identity.isInherited() ? " inherited#" : " fresh#") + number(identity);
    }

    private int number(Object object) {
        return numbers.computeIfAbsent(object, any -> numbers.size() + 1);
    }
}
