// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.fixture.AllocatedBytes;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The weak references of a thread to its CPUs")
final class CpuReferencesTest {
    private static final int CPUS = 6;

    private final List<Object> cpus = new ArrayList<>();
    private final List<WeakReference<Object>> references = new ArrayList<>();
    private final ThreadCpus.References<Object> list = new ThreadCpus.References<>();
    private final List<Object> model = new ArrayList<>();

    CpuReferencesTest() {
        for (int i = 0; i < CPUS; i++) {
            cpus.add("cpu " + i);
            references.add(new WeakReference<>(cpus.get(i)));
        }
    }

    private void assertListed() {
        assertEquals(model.size(), list.size);
        for (int i = 0; i < model.size(); i++) {
            assertSame(model.get(i), list.get(i));
        }
    }

    @Test
    @DisplayName("keep the order of their addition, whatever is removed and added again")
    void order() {
        Random random = new Random(7);
        for (int i = 0; i < 100_000; i++) {
            int at = random.nextInt(CPUS);
            if (model.remove(cpus.get(at))) {
                if (random.nextBoolean()) {
                    list.remove(cpus.get(at));
                } else {
                    list.remove(references.get(at), cpus.get(at));
                }
            } else {
                model.add(cpus.get(at));
                list.add(references.get(at));
            }
            assertListed();
        }
        model.clear();
        cpus.forEach(list::remove);
        assertListed();
    }

    @Test
    @DisplayName("lose the unreachable ones at a removal: also several, at any place, and those that were left over")
    void unreachable() {
        for (int lost = 0; lost < 1 << CPUS; lost++) {
            for (int i = 0; i < CPUS; i++) {
                list.add(references.get(i));
                model.add(cpus.get(i));
            }
            for (int i = 0; i < CPUS; i++) {
                if ((lost >> i & 1) != 0) {
                    references.get(i).clear();
                    model.remove(cpus.get(i));
                    assertNull(list.get(i));
                }
            }
            // Also if another one is removed, or one that is not listed.
            list.remove(lost % 2 == 0 ? null : "none");
            assertListed();
            for (int i = 0; i < CPUS; i++) {
                references.set(i, new WeakReference<>(cpus.get(i)));
            }
            // The cleared references are still in the elements behind the end.
            for (Object each : List.copyOf(model)) {
                model.remove(each);
                list.remove(each);
                assertListed();
            }
        }
    }

    @Test
    @DisplayName("take no memory for a reference that was removed before")
    void allocatesNothing() {
        AllocatedBytes.assertAtMost(0, i -> {
            for (int at = 0; at < 3; at++) {
                list.add(references.get((at + i) % CPUS));
            }
            for (int at = 0; at < 3; at++) {
                list.remove(cpus.get((at + i) % CPUS));
            }
        });
    }
}
