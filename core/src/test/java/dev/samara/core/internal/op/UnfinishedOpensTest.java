// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.fixture.CountingBacking;
import dev.samara.core.internal.op.Operation.Call;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.vma.VmArea;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@DisplayName("An edit that fails as it is published gives back every open that its VMAs have taken")
final class UnfinishedOpensTest {
    private final MachineState host = Layouts.host(100, 0, MachineState.UNLIMITED);
    private final CountingBacking device = new CountingBacking("/device", 3);
    private final Layout layout = DrawnLayout.layout(List.of(), host);
    private final DrawnLayout.Kind kind = kind(0);

    /** Where a publication fails. */
    private enum Failure {
        /** One of its VMAs was attached already; the VMAs before it have their opens. */
        AT_A_VMA {
            @Override
            void prepare(Edit edit) {
                VmArea anonymous = DrawnLayout.kind('a').over(30, 32);
                edit.put(anonymous);
                anonymous.attach(null, null);
            }
        },
        /** All VMAs are attached and linked. */
        AT_THE_COMMIT {
            @Override
            void prepare(Edit edit) {
                edit.tree.abort();
            }
        };

        abstract void prepare(Edit edit);
    }

    private DrawnLayout.Kind kind(long more) {
        DrawnLayout.Kind like = DrawnLayout.kind('f');
        return new DrawnLayout.Kind(like.flags() | more, device, null, null, 0);
    }

    @BeforeEach
    void map() {
        run(edit -> edit.put(kind.over(0, 8)));
        assertEquals(1, device.opens());
    }

    @AfterEach
    void everyOpenIsClosed() throws InterruptedException {
        layout.validate();
        layout.lifetime.put();
        host.threads.background.awaitQuiescence();
        assertEquals(0, device.stillOpen());
    }

    private interface Body {
        void change(Edit edit);
    }

    private void run(Body body) {
        Call call = edit -> {
            body.change(edit);
            return Edit.DONE;
        };
        new Operation(layout, call).run();
    }

    private List<VmArea> vmas() {
        List<VmArea> vmas = new ArrayList<>();
        layout.snapshot().forEach((first, last, vma) -> vmas.add(vma));
        return vmas;
    }

    @ParameterizedTest
    @EnumSource(Failure.class)
    @DisplayName("the share of a VMA that takes another one's place")
    void shared(Failure failure) {
        List<VmArea> before = vmas();
        for (int i = 0; i < 3; i++) {
            assertThrows(
                    IllegalStateException.class,
                    () -> run(edit -> {
                        VmArea old = edit.at(DrawnLayout.address(0));
                        edit.replace(old, null, null, kind.over(0, 8));
                        failure.prepare(edit);
                    }));
        }
        assertEquals(before, vmas());
        assertEquals(1, device.opens());
    }

    @ParameterizedTest
    @EnumSource(Failure.class)
    @DisplayName("the opens of a new VMA, and those that the other half has taken over")
    void granted(Failure failure) throws InterruptedException {
        assertThrows(
                IllegalStateException.class,
                () -> run(edit -> {
                    VmArea old = edit.at(DrawnLayout.address(0));
                    edit.replace(old, null, null, kind.over(0, 4), kind.over(4, 8));
                    // Nothing is attached before the other half's open is granted.
                    failure.prepare(edit);
                }));
        host.threads.background.awaitQuiescence();
        assertEquals(1, device.opens() - device.closes());
    }

    @Test
    @DisplayName("an edit that is published keeps them")
    void published() throws InterruptedException {
        run(edit -> {
            VmArea old = edit.at(DrawnLayout.address(0));
            edit.replace(old, null, null, kind.over(0, 4), kind.over(4, 8));
        });
        host.threads.background.awaitQuiescence();
        assertEquals(2, device.opens() - device.closes());
    }
}
