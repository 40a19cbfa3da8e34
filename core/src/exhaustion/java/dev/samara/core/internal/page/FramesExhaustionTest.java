// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.page;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.internal.page.Frames.Magazine;
import dev.samara.core.vma.FrameStore;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Allocation without a free frame. */
final class FramesExhaustionTest extends FramesFixture {
    @Test
    @DisplayName("exhaustion is NONE, after the other magazines were emptied, and no frame is lost")
    void exhaustion() {
        Magazine other = frames.newMagazine();
        int first = frames.allocate(other);
        frames.drop(first, other);
        assertTrue(other.size > 1, "it has a stock");
        for (int round = 0; round < 3; round++) {
            Set<Integer> all = new HashSet<>();
            for (int i = 0; i < LIMIT; i++) {
                assertTrue(all.add(frames.allocate(magazine)));
            }
            assertEquals(Frames.NONE, frames.allocate(magazine));
            assertEquals(Frames.NONE, frames.allocateDirty(other));
            assertEquals(LIMIT, frames.inUse());
            assertTrue(other.size == 0);
            assertFalse(all.contains(Frames.NONE) || all.contains(Frames.ZERO));
            all.forEach(frame -> frames.drop(frame, isOther(frame) ? magazine : other));
            assertEquals(0, frames.inUse());
        }
    }

    private static boolean isOther(int frame) {
        return frame % 3 != 0;
    }

    @Test
    @DisplayName("a magazine that is discarded returns its frames to the pool")
    void givenUp() {
        Magazine other = frames.newMagazine();
        int frame = frames.allocate(other);
        frames.drop(frame, other);
        frames.discard(other);
        for (int i = 0; i < LIMIT; i++) {
            assertNotEquals(Frames.NONE, frames.allocate(magazine));
        }
        assertEquals(LIMIT, frames.inUse());
    }

    /** Frames of a store that can refuse to extend, with a clock that does not advance by itself. */
    private static final class Refusing {
        private final DirectFrames direct = new DirectFrames(12, 4, LIMIT + 1);
        private int asked;
        private boolean gives;
        private boolean throwsError;
        private long now = Long.MAX_VALUE - 5;
        private final Frames frames = new Frames(
                (FrameStore) Proxy.newProxyInstance(
                        FrameStore.class.getClassLoader(),
                        new Class<?>[] {FrameStore.class},
                        (proxy, method, arguments) -> {
                            if (method.getName().equals("extend")) {
                                asked++;
                                if (throwsError) {
                                    throw new OutOfMemoryError("not a byte");
                                }
                                if (!gives) {
                                    return false;
                                }
                            }
                            return method.invoke(direct, arguments);
                        }),
                12,
                4,
                LIMIT,
                true,
                () -> now,
                (thrown, frame) -> {});
        private final Magazine own = frames.newMagazine();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("a store that has no memory is exhaustion at once, and is asked again after a second, not before")
    void storeRefuses(boolean throwsError) {
        Refusing few = new Refusing();
        few.throwsError = throwsError;
        for (int i = 0; i < 3; i++) {
            assertEquals(Frames.NONE, few.frames.allocate(few.own));
            assertFalse(few.frames.makeZero());
        }
        assertEquals(1, few.asked);
        few.now += 999_999_999;
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(1, few.asked, "not yet a second");
        few.now += 1;
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(2, few.asked, "refused again, for another second");
        assertEquals(0, few.frames.inUse());
        few.now += 1_000_000_000;
        few.gives = true;
        few.throwsError = false;
        assertNotEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(1, few.frames.inUse());
    }

    @Test
    @DisplayName(
            "a store that has refused is asked again once a frame was freed, also by a magazine that was discarded")
    void storeIsAskedAfterAFree() {
        Refusing few = new Refusing();
        few.gives = true;
        List<Integer> had = new ArrayList<>();
        had.add(few.frames.allocate(few.own));
        few.gives = false;
        for (int frame = few.frames.allocate(few.own); frame != Frames.NONE; frame = few.frames.allocate(few.own)) {
            had.add(frame);
        }
        assertEquals(2, few.asked);
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(2, few.asked);
        Magazine other = few.frames.newMagazine();
        few.frames.drop(had.remove(0), other);
        few.frames.discard(other);
        had.add(few.frames.allocate(few.own));
        assertEquals(2, few.asked, "freed frames are taken first");
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(3, few.asked);
        few.frames.drop(had.get(0), few.own);
        had.set(0, few.frames.allocate(few.own));
        few.gives = true;
        assertNotEquals(Frames.NONE, few.frames.allocate(few.own));
        assertEquals(4, few.asked);
    }
}
