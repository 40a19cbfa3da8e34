// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The clock hand over page caches")
final class PageCachesTest {
    private final PageCaches caches = new PageCaches();
    private final List<String> checked = new ArrayList<>();

    /** A cache with a number of batches. The batches with the given numbers contain a page that can be reclaimed. */
    private final class Batches extends PageCaches.RegisteredCache {
        private final String name;
        private final int batches;
        private final List<Integer> clean;
        private int hand;
        private int ended;

        Batches(String name, int batches, Integer... clean) {
            super(PageCachesTest.this, caches);
            this.name = name;
            this.batches = batches;
            this.clean = new ArrayList<>(List.of(clean));
            register();
            register();
        }

        @Override
        protected int reclaim() {
            checked.add(name + hand);
            int freed = clean.remove((Integer) hand) ? 1 : 0;
            hand = hand + 1 < batches ? hand + 1 : 0;
            return freed;
        }

        @Override
        protected boolean isAtStart() {
            return hand == 0;
        }

        @Override
        protected int end() {
            ended++;
            unregister();
            unregister();
            return 1;
        }
    }

    private void assertChecked(int freed, String... expected) {
        assertEquals(freed, caches.reclaim());
        assertEquals(List.of(expected), checked);
        checked.clear();
    }

    @Test
    @DisplayName("stops after a freed page, continues behind it, and makes one whole round before it gives up")
    void rounds() {
        assertChecked(0);
        new Batches("a", 3, 1);
        new Batches("b", 1);
        new Batches("c", 2, 0, 1);
        assertChecked(1, "a0", "a1");
        assertChecked(1, "a2", "b0", "c0");
        assertChecked(1, "c1");
        assertChecked(0, "a0", "a1", "a2", "b0", "c0", "c1", "a0", "a1", "a2");
    }

    @Test
    @DisplayName("checks the pages that it has passed in its present cache last")
    void middle() {
        Batches first = new Batches("a", 3, 0, 1);
        new Batches("b", 1);
        assertChecked(1, "a0");
        first.clean.set(0, 0);
        assertChecked(1, "a1", "a2", "b0", "a0");
    }

    @Test
    @DisplayName("checks a bounded number of pages after a round in vain, until a page is freed or unmapped")
    void futile() {
        int batches = 1000;
        Batches large = new Batches("a", batches);
        assertEquals(0, caches.reclaim());
        assertTrue(checked.size() > batches);
        checked.clear();
        assertEquals(0, caches.reclaim());
        int bound = PageCaches.CHECKS_WHEN_FUTILE / PageCaches.BATCH;
        assertEquals(bound, checked.size());
        large.clean.add((large.hand + bound + 5) % batches);
        assertEquals(0, caches.reclaim());
        assertEquals(1, caches.reclaim(), "the hand has come to it");
        large.clean.add((large.hand + bound + 5) % batches);
        assertEquals(1, caches.reclaim(), "something was found");
        checked.clear();
        assertEquals(0, caches.reclaim());
        large.clean.add((large.hand + bound + 5) % batches);
        caches.noteUnmapped();
        assertEquals(1, caches.reclaim(), "something was unmapped");
    }

    @Test
    @DisplayName("passes over caches that have ended, wherever they were")
    void ended() {
        Batches first = new Batches("a", 1);
        Batches second = new Batches("b", 1);
        Batches third = new Batches("c", 1, 0);
        first.end();
        assertEquals(2, caches.size());
        assertEquals(1, caches.reclaim());
        third.end();
        checked.clear();
        caches.noteUnmapped();
        assertChecked(0, "b0", "b0");
        caches.endAll();
        assertEquals(0, caches.size());
        assertEquals(1, second.ended);
        assertChecked(0);
    }
}
