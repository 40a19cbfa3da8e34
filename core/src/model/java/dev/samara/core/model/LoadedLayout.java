// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.internal.vma.VmArea.AnonVma;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Draws a random initial layout that contains what no call can create: touched memory, inherited memory, and special
 * mappings.
 */
final class LoadedLayout {
    private static final long RIGHTS = VmaFlags.MAY_ACCESS;

    /** Flags for a private mapping. Most entries are equal, so that neighbours can often merge. */
    private static final long[] PRIVATE = {
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT,
        RIGHTS | VmaFlags.READ | VmaFlags.ACCOUNT,
        RIGHTS | VmaFlags.READ,
        RIGHTS,
        RIGHTS | VmaFlags.READ | VmaFlags.EXEC,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT | VmaFlags.LOCKED,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT | VmaFlags.WIPEONFORK,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT | VmaFlags.GROWSDOWN,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.NORESERVE | VmaFlags.DROPPABLE,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT | VmaFlags.SEALED
    };

    private static final long[] SPECIAL = {
        RIGHTS | VmaFlags.READ | VmaFlags.EXEC | VmaFlags.DONTEXPAND,
        RIGHTS | VmaFlags.READ | VmaFlags.PFNMAP | VmaFlags.IO | VmaFlags.DONTEXPAND | VmaFlags.DONTDUMP,
        RIGHTS | VmaFlags.READ | VmaFlags.WRITE | VmaFlags.ACCOUNT | VmaFlags.MIXEDMAP
    };

    private final Random random;
    private final Geometry geometry;
    private final List<AnonVma> identities = new ArrayList<>();

    LoadedLayout(Random random, Geometry geometry) {
        this.random = random;
        this.geometry = geometry;
        identities.add(AnonVma.fresh());
        identities.add(AnonVma.fresh());
        identities.add(AnonVma.inherited());
    }

    List<Vma> draw() {
        List<Vma> vmas = new ArrayList<>();
        long pages = geometry.pages(geometry.limit());
        long at = geometry.pages(geometry.minimum()) + random.nextInt(6);
        int count = 2 + random.nextInt(12);
        while (vmas.size() < count) {
            long end = at + 1 + random.nextInt(8);
            if (end >= pages) {
                break;
            }
            vmas.add(vma(at, end));
            at = end + (random.nextBoolean() ? 0 : random.nextInt((int) pages / count));
        }
        return vmas;
    }

    private Vma vma(long from, long to) {
        int dice = random.nextInt(12);
        if (dice == 0) {
            return vma(from, to, SPECIAL[random.nextInt(SPECIAL.length)], from, null, "[special]", null);
        }
        long flags = PRIVATE[random.nextInt(random.nextBoolean() ? 2 : PRIVATE.length)];
        AnonVma identity = random.nextInt(3) == 0 ? null : identities.get(random.nextInt(identities.size()));
        if (dice < 3) {
            return vma(
                    from, to, flags & ~(VmaFlags.GROWSDOWN | VmaFlags.WIPEONFORK), from, OpenFiles.A, null, identity);
        }
        if (dice < 4) {
            String name = random.nextBoolean() ? "[anon:pool]" : "[anon:other]";
            return vma(from, to, flags & ~VmaFlags.GROWSDOWN, from, null, name, identity);
        }
        long moved = random.nextInt(5) == 0 ? 3 : 0;
        return vma(from, to, flags, from + moved, null, null, identity);
    }

    private Vma vma(
            long from,
            long to,
            long flags,
            long offset,
            @Nullable Backing backing,
            @Nullable String name,
            @Nullable AnonVma identity) {
        int shift = geometry.pageShift();
        return VmArea.describe(from << shift, to << shift, flags, offset, backing, name, identity);
    }

    /** Returns the statements that create the list {@code loaded}. */
    static String asJava(List<Vma> loaded) {
        if (loaded.isEmpty()) {
            return "";
        }
        IdentityHashMap<AnonVma, String> names = new IdentityHashMap<>();
        StringBuilder java = new StringBuilder();
        StringBuilder list = new StringBuilder();
        for (Vma vma : loaded) {
            AnonVma identity = VmArea.of(vma).anonVma();
            if (identity != null && !names.containsKey(identity)) {
                String name = "identity" + (names.size() + 1);
                names.put(identity, name);
                String kind = identity.inherited ? "inherited" : "fresh";
                java.append("AnonVma ")
                        .append(name)
                        .append(" = AnonVma.")
                        .append(kind)
                        .append("();\n        ");
            }
            Backing backing = vma.backing();
            list.append(list.isEmpty() ? "" : ",")
                    .append("\n                VmArea.describe(")
                    .append(ModelCall.hex(vma.start()))
                    .append(", ")
                    .append(ModelCall.hex(vma.end()))
                    .append(", VmaFlags.parse(\"")
                    .append(VmaFlags.format(vma.flags()))
                    .append("\"), ")
                    .append(ModelCall.hex(vma.pageOffset()))
                    .append(", ")
                    .append(backing == null ? "null" : "OpenFiles." + backing.name())
                    .append(", ")
                    .append(vma.name() == null ? "null" : "\"" + vma.name() + "\"")
                    .append(", ")
                    .append(identity == null ? "null" : names.get(identity))
                    .append(")");
        }
        return java.append("List<Vma> loaded = List.of(")
                .append(list)
                .append(");\n        ")
                .toString();
    }
}
