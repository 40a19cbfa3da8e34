// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.sweep;

import dev.samara.core.AddressSpace;
import dev.samara.core.BorrowedSpace;
import dev.samara.core.Cpu;
import dev.samara.core.PageTableRef;
import dev.samara.core.interleave.scenario.SpaceScenario;
import dev.samara.core.interleave.sweep.FailureKinds.Kind;
import dev.samara.core.interleave.sweep.FailureKinds.Preparation;
import dev.samara.core.interleave.sweep.FailureKinds.Rule;
import dev.samara.core.vma.Geometry;
import java.util.Objects;
import java.util.function.Supplier;

/** The operations of {@link FailureKinds} that borrow spaces, and exec. */
final class BorrowCalls {
    private static final long START = FailureScene.START;
    private static final String NEXT = "next";
    private static final Geometry LARGE_PAGES = new Geometry(14, 4, 25, 0x10000, 1L << 46, 1L << 47);

    /** Leaves the CPU without a space to which it would return after the borrow. */
    private static final Preparation WITHOUT_SPACE = (scene, cpu) -> cpu.switchTo(null);

    private BorrowCalls() {}

    private static void nothing() {}

    static void addTo() {
        FailureKinds.add("use", (scene, label, cpu) -> {
            try (BorrowedSpace borrowed = cpu.use(scene.state.space, BorrowCalls::nothing)) {
                return SpaceScenario.load(cpu, START) + borrowed.isAsked();
            }
        });
        FailureKinds.addBehind("use-from-nowhere", WITHOUT_SPACE, (scene, label, cpu) -> {
            try (BorrowedSpace borrowed = cpu.use(scene.state.space, BorrowCalls::nothing)) {
                return SpaceScenario.load(cpu, START) + borrowed.isAsked();
            }
        });
        // Another user stays, because a concurrent operation would otherwise end the space while it is adopted, without
        // users.
        FailureKinds.addBehind("adopt", (scene, cpu) -> scene.keepUsers(), BorrowCalls::adopt);
        FailureKinds.addBehind(
                "adopt-from-nowhere",
                (scene, cpu) -> {
                    scene.keepUsers();
                    cpu.switchTo(null);
                },
                BorrowCalls::adopt);
        FailureKinds.addBehind("unuse", (scene, cpu) -> scene.borrow(cpu), (scene, label, cpu) -> {
            scene.borrowed(cpu).close();
            return "back";
        });
        // The last close asks the borrower to end the borrow, and the end of the borrow tears the space down. A failure
        // may occur between the two.
        FailureKinds.add(
                "unuse-last",
                new Kind((scene, label, cpu) -> {
                            scene.state.space.close();
                            scene.borrowed(cpu).close();
                            return "ended";
                        })
                        .by(Rule.MAY_BE_DONE)
                        .behind((scene, cpu) -> {
                            cpu.switchTo(null);
                            scene.borrow(cpu);
                        }));
        FailureKinds.add("exec", new Kind(BorrowCalls::exec).after((scene, cpu) -> next(scene, SpaceScenario.LINUX)));
        FailureKinds.add("exec-elsewhere", new Kind(BorrowCalls::exec).after((scene, cpu) -> next(scene, LARGE_PAGES)));
        FailureKinds.add(
                "use-elsewhere",
                new Kind((scene, label, cpu) -> {
                            staysAtHome(scene, cpu, () -> cpu.use(scene.state.child(NEXT), BorrowCalls::nothing))
                                    .close();
                            return "used";
                        })
                        .after((scene, cpu) -> next(scene, LARGE_PAGES)));
        FailureKinds.add(
                "ends-borrowing",
                new Kind((scene, label, cpu) -> {
                            scene.borrow(cpu);
                            return scene.borrowed(cpu).isAsked();
                        })
                        .ending());
        FailureKinds.add(
                "ends-adopting",
                new Kind((scene, label, cpu) -> {
                            scene.borrow(cpu);
                            scene.borrowed(cpu).putUsers();
                            return "adopted";
                        })
                        .ending());
    }

    /** Borrows the space, releases the users, leaves, and borrows the space again. */
    private static Object adopt(FailureScene scene, String label, Cpu cpu) {
        try (BorrowedSpace first = cpu.use(scene.state.space, BorrowCalls::nothing);
                PageTableRef held = scene.held(first.putUsers().leave());
                BorrowedSpace second = Objects.requireNonNull(cpu.tryUse(held, BorrowCalls::nothing))) {
            return SpaceScenario.load(cpu, START) + second.isAsked();
        }
    }

    private static Object exec(FailureScene scene, String label, Cpu cpu) {
        return staysAtHome(scene, cpu, () -> {
            cpu.exec(scene.state.child(NEXT));
            return "replaced";
        });
    }

    /** Makes a call, and checks that the CPU stays in its space if the call throws. */
    private static <T> T staysAtHome(FailureScene scene, Cpu cpu, Supplier<T> call) {
        try {
            return call.get();
        } catch (RuntimeException | Error thrown) {
            if (cpu.space() != scene.state.space) {
                throw new AssertionError("the CPU is in " + cpu.space() + " after " + thrown);
            }
            throw thrown;
        }
    }

    /** Creates the next space, which both operations of a pair share. */
    private static void next(FailureScene scene, Geometry geometry) {
        scene.state.children.computeIfAbsent(NEXT, name -> {
            AddressSpace next = scene.state.machine.newSpace(geometry);
            next.mmap(SpaceScenario.AT, geometry.pageSize(), SpaceScenario.RW, SpaceScenario.FIXED, null, 0);
            return next;
        });
    }
}
