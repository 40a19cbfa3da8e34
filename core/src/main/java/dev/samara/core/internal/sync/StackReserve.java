// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.sync;

/**
 * Detects a lack of stack early, before anything is changed, rather than in code that releases resources or finishes
 * work for which other threads wait.
 *
 * <p>A check calls {@link #descend} recursively, and returns. The frames of this method are wide, so few calls reserve
 * enough stack:
 *
 * <ul>
 *   <li>An interpreted frame contains all local variables of the method, whether it uses them or not.
 *   <li>A compiled frame contains a slot for each value that is live across the recursive call. Few calls load these
 *       numbers, but the slots are part of the frame in every call. A compiler must keep them: the numbers cannot be
 *       loaded after the call instead, because the call might change the array, and the call is not inlined, because
 *       the method has more than 325 bytes of bytecode. It has less than 8,000 bytes; HotSpot does not compile longer
 *       methods.
 * </ul>
 *
 * <p>So a compiled check also reserves enough for code that is still interpreted, whose frames are larger ({@code
 * CompiledReserveTest}). An interpreted check reserves about twice as much, because a number occupies two words in an
 * interpreted frame.
 *
 * <p>Code that must not fail, because it undoes or ends something, relies on a check in a method that called it, before
 * the first change. The code must then run at most as many frames below this method as were checked. That holds for
 * locks ({@link CheckedLock}), for operations and faults, for flushes of a CPU, for the exit of a copy of bytes from
 * GUEST, and for references, forks and guests. An access to one number makes no check, because that would take as long
 * as the access itself; it leaves GUEST by stores without a call.
 */
public final class StackReserve {
    /** The number of frames for a fork, and for other calls that need many. */
    public static final int MANY = 150;

    /** For how many interpreted frames of usual size one call of {@link #descend} reserves stack. */
    private static final int WIDTH = 8;

    /** Zeros, of which the compilers know nothing. */
    private static final long[] NUMBERS = new long[208];

    /**
     * How many more checks are counted. One in 64 of the counted checks loads the numbers, because the C2 compiler
     * leaves out code that was never executed. Read and written plainly by any thread: a lost write only increases the
     * number of counted checks, and nothing is written after the number has reached 0.
     */
    private static int left = 1 << 18;

    private StackReserve() {}

    /**
     * Returns the depth of a check in front of code that must not fail, and that makes a check of its own. Both checks
     * round up to whole calls, so a sum of the two depths may reserve no more than the check within does by itself.
     * That check would then fail near the end of a stack, because it starts further down.
     *
     * @param within the depth of the check within that code
     * @param frames how many frames lie between the two checks, at most
     */
    public static int around(int within, int frames) {
        return (within + WIDTH - 1) / WIDTH * WIDTH + frames;
    }

    /**
     * Recurses, and returns.
     *
     * @param frames the number of interpreted frames, with some 200 bytes each, for which the stack must have space
     * @throws StackOverflowError if the thread's stack has no space for that many frames
     */
    public static void check(int frames) {
        descend(around(frames, 0) / WIDTH);
    }

    /**
     * Returns a sum that includes the numbers up to {@code calls}, so that no compiler turns the recursion into a loop.
     *
     * @param calls the number of further calls
     */
    private static long descend(int calls) {
        int counted = left;
        if (calls == 0) {
            if (counted != 0) {
                left = counted - 1;
            }
            return 0;
        }
        if ((counted & 63) != 1) {
            return calls + descend(calls - 1);
        }
        long[] t = NUMBERS;
        long ap = t[0], aq = t[1], ar = t[2], as = t[3], at = t[4], au = t[5], av = t[6], aw = t[7];
        long bp = t[8], bq = t[9], br = t[10], bs = t[11], bt = t[12], bu = t[13], bv = t[14], bw = t[15];
        long cp = t[16], cq = t[17], cr = t[18], cs = t[19], ct = t[20], cu = t[21], cv = t[22], cw = t[23];
        long dp = t[24], dq = t[25], dr = t[26], ds = t[27], dt = t[28], du = t[29], dv = t[30], dw = t[31];
        long ep = t[32], eq = t[33], er = t[34], es = t[35], et = t[36], eu = t[37], ev = t[38], ew = t[39];
        long fp = t[40], fq = t[41], fr = t[42], fs = t[43], ft = t[44], fu = t[45], fv = t[46], fw = t[47];
        long gp = t[48], gq = t[49], gr = t[50], gs = t[51], gt = t[52], gu = t[53], gv = t[54], gw = t[55];
        long hp = t[56], hq = t[57], hr = t[58], hs = t[59], ht = t[60], hu = t[61], hv = t[62], hw = t[63];
        long ip = t[64], iq = t[65], ir = t[66], is = t[67], it = t[68], iu = t[69], iv = t[70], iw = t[71];
        long jp = t[72], jq = t[73], jr = t[74], js = t[75], jt = t[76], ju = t[77], jv = t[78], jw = t[79];
        long kp = t[80], kq = t[81], kr = t[82], ks = t[83], kt = t[84], ku = t[85], kv = t[86], kw = t[87];
        long lp = t[88], lq = t[89], lr = t[90], ls = t[91], lt = t[92], lu = t[93], lv = t[94], lw = t[95];
        long mp = t[96], mq = t[97], mr = t[98], ms = t[99], mt = t[100], mu = t[101], mv = t[102], mw = t[103];
        long np = t[104], nq = t[105], nr = t[106], ns = t[107], nt = t[108], nu = t[109], nv = t[110], nw = t[111];
        long op = t[112], oq = t[113], or = t[114], os = t[115], ot = t[116], ou = t[117], ov = t[118], ow = t[119];
        long pp = t[120], pq = t[121], pr = t[122], ps = t[123], pt = t[124], pu = t[125], pv = t[126], pw = t[127];
        long qp = t[128], qq = t[129], qr = t[130], qs = t[131], qt = t[132], qu = t[133], qv = t[134], qw = t[135];
        long rp = t[136], rq = t[137], rr = t[138], rs = t[139], rt = t[140], ru = t[141], rv = t[142], rw = t[143];
        long sp = t[144], sq = t[145], sr = t[146], ss = t[147], st = t[148], su = t[149], sv = t[150], sw = t[151];
        long tp = t[152], tq = t[153], tr = t[154], ts = t[155], tt = t[156], tu = t[157], tv = t[158], tw = t[159];
        long up = t[160], uq = t[161], ur = t[162], us = t[163], ut = t[164], uu = t[165], uv = t[166], uw = t[167];
        long vp = t[168], vq = t[169], vr = t[170], vs = t[171], vt = t[172], vu = t[173], vv = t[174], vw = t[175];
        long wp = t[176], wq = t[177], wr = t[178], ws = t[179], wt = t[180], wu = t[181], wv = t[182], ww = t[183];
        long xp = t[184], xq = t[185], xr = t[186], xs = t[187], xt = t[188], xu = t[189], xv = t[190], xw = t[191];
        long yp = t[192], yq = t[193], yr = t[194], ys = t[195], yt = t[196], yu = t[197], yv = t[198], yw = t[199];
        long zp = t[200], zq = t[201], zr = t[202], zs = t[203], zt = t[204], zu = t[205], zv = t[206], zw = t[207];
        long sum = descend(calls - 1);
        sum += ap + aq + ar + as + at + au + av + aw + bp + bq + br + bs + bt + bu + bv + bw;
        sum += cp + cq + cr + cs + ct + cu + cv + cw + dp + dq + dr + ds + dt + du + dv + dw;
        sum += ep + eq + er + es + et + eu + ev + ew + fp + fq + fr + fs + ft + fu + fv + fw;
        sum += gp + gq + gr + gs + gt + gu + gv + gw + hp + hq + hr + hs + ht + hu + hv + hw;
        sum += ip + iq + ir + is + it + iu + iv + iw + jp + jq + jr + js + jt + ju + jv + jw;
        sum += kp + kq + kr + ks + kt + ku + kv + kw + lp + lq + lr + ls + lt + lu + lv + lw;
        sum += mp + mq + mr + ms + mt + mu + mv + mw + np + nq + nr + ns + nt + nu + nv + nw;
        sum += op + oq + or + os + ot + ou + ov + ow + pp + pq + pr + ps + pt + pu + pv + pw;
        sum += qp + qq + qr + qs + qt + qu + qv + qw + rp + rq + rr + rs + rt + ru + rv + rw;
        sum += sp + sq + sr + ss + st + su + sv + sw + tp + tq + tr + ts + tt + tu + tv + tw;
        sum += up + uq + ur + us + ut + uu + uv + uw + vp + vq + vr + vs + vt + vu + vv + vw;
        sum += wp + wq + wr + ws + wt + wu + wv + ww + xp + xq + xr + xs + xt + xu + xv + xw;
        sum += yp + yq + yr + ys + yt + yu + yv + yw + zp + zq + zr + zs + zt + zu + zv + zw;
        return sum + calls;
    }
}
