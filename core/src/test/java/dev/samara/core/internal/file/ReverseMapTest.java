// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.file;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.VmaFlags;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Finds the VMAs that map the pages of a file. */
final class ReverseMapTest {
    private static final long SEED = Long.getLong("samara.seed", System.nanoTime());
    private static final long RW = VmaFlags.READ | VmaFlags.WRITE;

    private final PageTable table = new PageTable(Geometry.LINUX_X86_64);
    private final OpenFile file = OpenFile.named("/f").open();
    private final ReverseMap map = new ReverseMap(() -> {});

    private VmArea vma(long page, long pages) {
        return VmArea.describe(0x10_0000, 0x10_0000 + (pages << 12), RW, page, file, null, null);
    }

    private List<VmArea> visited(long first, long last) {
        List<VmArea> found = new ArrayList<>();
        map.visit(first, last, link -> found.add(link.vma()));
        return found;
    }

    private Set<VmArea> found(long first, long last) {
        List<VmArea> found = visited(first, last);
        Set<VmArea> once = new HashSet<>(found);
        assertEquals(found.size(), once.size(), "each once");
        return once;
    }

    @Test
    @DisplayName("a lookup finds exactly the VMAs that map a page of the range, after any links and unlinks")
    void againstAModel() {
        System.out.println("ReverseMapTest: -Dsamara.seed=" + SEED);
        Random random = new Random(SEED);
        Map<VmArea, ReverseMap.Link> linked = new HashMap<>();
        for (int step = 0; step < 4000; step++) {
            if (random.nextInt(5) < 3 || linked.isEmpty()) {
                VmArea vma = vma(random.nextInt(300), 1 + random.nextInt(random.nextBoolean() ? 4 : 200));
                linked.put(vma, map.link(vma, table, true));
            } else {
                List<VmArea> all = new ArrayList<>(linked.keySet());
                VmArea vma = all.get(random.nextInt(all.size()));
                map.unlink(linked.remove(vma));
            }
            long first = random.nextInt(320);
            long last = first + random.nextInt(40);
            Set<VmArea> expected = linked.keySet().stream()
                    .filter(vma -> vma.pageOffset() <= last && first < vma.pageOffset() + (vma.length() >>> 12))
                    .collect(Collectors.toSet());
            assertEquals(expected, found(first, last), () -> "-Dsamara.seed=" + SEED);
        }
        linked.values().forEach(map::unlink);
        assertTrue(map.isEmpty());
        assertEquals(Set.of(), found(0, Long.MAX_VALUE));
    }

    @Test
    @DisplayName("page numbers are unsigned: the largest is found, and a VMA across the middle")
    void unsigned() {
        VmArea last = vma(-1, 1);
        VmArea middle = vma(Long.MAX_VALUE, 2);
        VmArea zero = vma(0, 1);
        map.link(last, table, true);
        map.link(middle, table, true);
        map.link(zero, table, true);
        assertEquals(Set.of(last), found(-1, -1));
        assertEquals(Set.of(middle), found(Long.MIN_VALUE, Long.MIN_VALUE));
        assertEquals(Set.of(middle), found(Long.MAX_VALUE, Long.MAX_VALUE));
        assertEquals(Set.of(zero), found(0, 0));
        assertEquals(Set.of(zero, middle, last), found(0, -1));
    }

    @Test
    @DisplayName("W22: of 20,000 VMAs of one file, a lookup of one page visits the two that map it")
    void manySplits() {
        List<VmArea> own = new ArrayList<>();
        VmArea whole = vma(0, 20_000);
        map.link(whole, table, true);
        for (int page = 0; page < 20_000; page++) {
            VmArea split = vma(page, 1);
            own.add(split);
            map.link(split, table, true);
        }
        for (int page = 0; page < 20_000; page += 617) {
            assertEquals(Set.of(whole, own.get(page)), found(page, page));
        }
        assertEquals(20_001, visited(0, 19_999).size());
    }

    @Test
    @DisplayName("a second unlink is refused")
    void unlinkedTwice() {
        ReverseMap.Link link = map.link(vma(3, 2), table, true);
        map.unlink(link);
        assertThrows(IllegalStateException.class, () -> map.unlink(link));
        assertEquals(Set.of(), found(0, 100));
    }

    @Test
    @DisplayName("P7: a VMA that takes another's place beside a lookup is not missed, also where the lookup has passed")
    void replacedInFrontOfALookup() {
        VmArea first = vma(0, 1);
        VmArea replaced = vma(8, 4);
        VmArea successor = vma(9, 1);
        map.link(first, table, true);
        VmArea second = vma(16, 1);
        map.link(second, table, true);
        ReverseMap.Link old = map.link(replaced, table, true);
        Set<VmArea> seen = new HashSet<>();
        map.visit(0, 100, link -> {
            VmArea vma = link.vma();
            if (vma == second) {
                map.link(successor, table, true);
                map.unlink(old);
            }
            seen.add(link.vma());
        });
        assertTrue(seen.contains(replaced) || seen.contains(successor), seen::toString);
        assertEquals(Set.of(first, second, successor), found(0, 100));
    }

    @Test
    @DisplayName("I8: a VMA that is unlinked in two lookups that overlap leaves the map with the last of them")
    void unlinkedInOverlappingLookups() {
        ReverseMap.Link first = map.link(vma(0, 1), table, true);
        ReverseMap.Link second = map.link(vma(1, 1), table, true);
        ReverseMap.Link third = map.link(vma(2, 1), table, true);
        map.visit(0, 0, outer -> {
            map.unlink(first);
            map.visit(0, 1, inner -> {
                // The inner lookup finds two links.
                if (inner == second) {
                    map.unlink(second);
                }
            });
            assertEquals(3, map.size(), "the outer lookup is under way");
            map.unlink(third);
        });
        assertEquals(0, map.size());
        assertTrue(map.isEmpty());
    }

    @Test
    @DisplayName("P7: lookups beside a thread that splits and merges always find a VMA for every page")
    void lookupsBesideSplits() throws InterruptedException {
        int pages = 64;
        AtomicBoolean stop = new AtomicBoolean();
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        ReverseMap.Link whole = map.link(vma(0, pages), table, true);
        Thread splitter = new Thread(() -> {
            try {
                Random random = new Random(SEED);
                ReverseMap.Link one = whole;
                while (!stop.get()) {
                    int cut = 1 + random.nextInt(pages - 1);
                    ReverseMap.Link low = map.link(vma(0, cut), table, true);
                    ReverseMap.Link high = map.link(vma(cut, pages - cut), table, true);
                    map.unlink(one);
                    one = map.link(vma(0, pages), table, true);
                    map.unlink(low);
                    map.unlink(high);
                }
            } catch (Throwable thrown) {
                failure.set(thrown);
            }
        });
        splitter.start();
        try {
            for (int lookup = 0; lookup < 20_000; lookup++) {
                boolean[] covered = new boolean[pages];
                map.visit(0, pages - 1, link -> {
                    VmArea vma = link.vma();
                    for (long page = vma.pageOffset(); page < vma.pageOffset() + (vma.length() >>> 12); page++) {
                        covered[(int) page] = true;
                    }
                });
                for (int page = 0; page < pages; page++) {
                    assertTrue(covered[page], "page " + page + " was missed");
                }
            }
        } finally {
            stop.set(true);
            splitter.join();
        }
        assertNull(failure.get());
        assertFalse(map.isEmpty());
        assertEquals(1, map.size(), "nothing that was unlinked beside a lookup is left");
    }
}
