// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineInternals;
import dev.samara.core.MappingResidency;
import dev.samara.core.Usage;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.CachedFrames;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.NavigableMap;

/**
 * Writes the state that a restore brings back, without touching a page: of shared mappings, of unwritten pages of files,
 * and of the zero page, only the mapping itself.
 */
final class LawPicture {
    private static final long PAGE = KernelWorld.GEOMETRY.pageSize();

    /** The flag of a mapping that once had a guard. A restore keeps it, and brings back the guards. */
    private static final String MAYBE_GUARD = " gu";

    private final Place place;
    private final LayoutText text;
    private final List<String> lines = new ArrayList<>();

    private LawPicture(Place place) {
        this.place = place;
        text = new LayoutText(place.base());
    }

    /** Returns the state as lines, of which the first word says what each is about. */
    static List<String> of(Place place, NavigableMap<Integer, AddressSpace> processes, Machine machine) {
        LawPicture picture = new LawPicture(place);
        processes.forEach(picture::add);
        MachineMemory memory =
                MachineInternals.layoutOf(processes.firstEntry().getValue()).memory();
        // Pages that were read from files since, and memory of shared mappings, stay.
        long frames = machine.statistics().framesInUse() - CachedFrames.count(memory.frames);
        picture.lines.add("frames " + frames);
        picture.lines.add("committed " + machine.committed());
        return picture.lines;
    }

    private void add(int number, AddressSpace space) {
        space.validate();
        Layout layout = MachineInternals.layoutOf(space);
        Usage usage = space.usage();
        lines.add("process " + number);
        lines.add("usage " + number + " total " + usage.total() + " data " + usage.data() + " stack " + usage.stack()
                + " locked " + usage.locked());
        lines.add("heap " + number + " " + Long.toHexString(layout.brk()));
        lines.add("lock " + number + " " + Long.toHexString(layout.defaultLock()));
        IdentityHashMap<Vma, MappingResidency> amounts = new IdentityHashMap<>();
        space.smaps(amount -> amounts.put(amount.vma(), amount));
        List<Vma> vmas = space.snapshot().vmas();
        List<String> maps = space.snapshot().maps();
        for (int i = 0; i < vmas.size(); i++) {
            Vma vma = vmas.get(i);
            addMapping(number, vma, Area.of(maps.get(i), "").name());
            if (!vma.has(VmaFlags.MAYSHARE)) {
                addAmounts(number, vma, amounts.getOrDefault(vma, MappingResidency.NONE));
                addPages(number, vma, space, layout);
            }
        }
    }

    private void addMapping(int number, Vma vma, String name) {
        Backing backing = vma.backing();
        String rights = (vma.has(VmaFlags.READ) ? "r" : "-")
                + (vma.has(VmaFlags.WRITE) ? 'w' : '-')
                + (vma.has(VmaFlags.EXEC) ? 'x' : '-')
                + (vma.has(VmaFlags.MAYSHARE) ? 's' : 'p');
        String mapping = text.mapping(
                vma.start(),
                vma.end(),
                rights,
                Long.toHexString(vma.pageOffset() * PAGE),
                backing == null ? "0" : Long.toString(backing.inode()),
                name,
                VmaFlags.format(vma.flags()));
        lines.add("mapping " + number + " " + mapping.strip().replace(MAYBE_GUARD, ""));
    }

    private void addAmounts(int number, Vma vma, MappingResidency amount) {
        String shown = "amounts " + number + " " + Notation.address(vma.start(), place.base()) + " anonymous "
                + amount.anonymous();
        if (vma.backing() == null) {
            shown += " rss " + amount.rss() + " pss " + amount.pss() + " shared " + amount.sharedClean() + "/"
                    + amount.sharedDirty() + " private " + amount.privateClean() + "/" + amount.privateDirty()
                    + " locked " + amount.locked();
        }
        lines.add(shown);
    }

    private void addPages(int number, Vma vma, AddressSpace space, Layout layout) {
        long[] word = new long[1];
        byte[] bytes = new byte[(int) PAGE];
        for (long at = Math.max(vma.start(), place.base()); at < Math.min(vma.end(), place.end()); at += PAGE) {
            long pte = layout.pages().get(at);
            if (pte == Pte.NONE || (Pte.isPresent(pte) && !Pte.isOwn(pte))) {
                continue;
            }
            space.pagemap(at, PAGE, word);
            String shown =
                    "page " + number + " " + Notation.address(at, place.base()) + " " + Exceptions.pagemap(word[0]);
            if (Pte.isPresent(pte)) {
                layout.memory().frames.store.read(Pte.frame(pte), 0, bytes, 0, bytes.length);
                shown += " begins " + Integer.toHexString(bytes[0] & 0xff) + " hash "
                        + Integer.toHexString(Arrays.hashCode(bytes));
            }
            lines.add(shown);
        }
    }
}
