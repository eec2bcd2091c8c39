// The work for a request that Express and Fastify share: what the dialer does, in plain JavaScript and without HTTP.

import { createHash } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import { MongoClient, ObjectId } from 'mongodb';

const client = new MongoClient(process.env.MONGODB_URI);
const database = client.db();
const sessions = database.collection('sessions');
const users = database.collection('users');
const leads = database.collection('leads');
const verify = createVerifier({ key: process.env.JWT_SECRET, algorithms: ['HS256'] });

export const port = Number(process.env.PORT);

export const connect = () => client.connect();

/** The caller, after checks of token, session document and account. Null where the dialer responds with 401. */
export async function identify(authorization) {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    return null;
  }
  let claims;
  try {
    claims = verify(token);
  } catch {
    return null;
  }
  const session = await sessions.findOne({ _id: createHash('sha256').update(claims.sid).digest('hex') });
  if (session === null || session.expiresAt.getTime() <= Date.now() || session.userId.toHexString() !== claims._id) {
    return null;
  }
  return users.findOne({ _id: session.userId }, { projection: { email: 1, name: 1, role: 1 } });
}

/** MongoDB filter of the leads that the user may read. */
function readable(user) {
  return user.role === 'admin' ? { tenantId: { $in: [user._id, null] } } : { tenantId: user._id };
}

/** The response of `GET /api/leads`: a page of leads. */
export async function list(user, query, requestId) {
  const began = performance.now();
  const limit = Math.min(Math.max(Number(query.limit ?? 50), 10), 500);
  const page = Math.max(Number(query.page ?? 1), 1);
  const filter = { $and: [readable(user)] };
  const total = await leads.countDocuments(filter);
  const found = await leads
    .find(filter)
    .sort({ createdAt: -1, _id: -1 })
    .skip((page - 1) * limit)
    .limit(limit)
    .toArray();
  const queryTime = Math.floor(performance.now() - began);
  return {
    leads: found.map(view),
    pagination: { total, page, pages: Math.ceil(total / limit), limit },
    meta: { queryTime, cached: false, requestId },
  };
}

/** The response of `GET /api/leads/:id`, or null if there is no such lead. */
export async function read(user, id) {
  if (!/^[0-9a-f]{24}$/i.test(id)) {
    return null;
  }
  const lead = await leads.findOne({ ...readable(user), _id: new ObjectId(id) });
  if (lead === null) {
    return null;
  }
  const shown = view(lead);
  if (lead.assignedTo instanceof ObjectId) {
    const rep = await users.findOne({ _id: lead.assignedTo }, { projection: { email: 1, name: 1, role: 1 } });
    if (rep !== null) {
      shown.assignedTo = { _id: rep._id, name: rep.name, email: rep.email };
    }
  }
  return shown;
}

/** The response of `GET /api/webhooks/health`. */
export function health() {
  return { status: 'ok', service: 'webhook', timestamp: new Date().toISOString() };
}

/** A stored lead in the form that clients receive. */
function view({ __v, ...lead }) {
  lead.disposition = text(lead.disposition);
  lead.notes = sanitise(text(lead.notes));
  lead.formattedJson = JSON.stringify(vendorStyle(lead), null, 2);
  return lead;
}

function text(value) {
  if (typeof value === 'string') {
    return value;
  }
  if (value instanceof Date) {
    return value.toISOString();
  }
  if (value instanceof ObjectId) {
    return value.toHexString();
  }
  return typeof value === 'number' ? String(value) : '';
}

const IMPORTERS =
  /^(?:Imported on:|File:|Location:|Demographics:|DOB:|Gender:|Campaign:|Source:|Original Status:|[\u2B50\u{1F31F}\u2605\uFE0F]*\s*New (?:Marketplace|NextGen) Lead)/u;
const ZERO_WIDTH = /[\u200B-\u200D\u2060\uFEFF]/g;

/** Notes without the lines that importers wrote. */
function sanitise(notes) {
  return notes
    .split(/\r?\n/)
    .filter((line) => !IMPORTERS.test(line.replace(ZERO_WIDTH, '').trimStart()))
    .join('\n')
    .trim();
}

const flag = (value) => (value === true ? 'true' : 'false');

function price(value) {
  if (typeof value === 'string') {
    const number = Number(value.trim().replace(/^\$+/, ''));
    return Number.isFinite(number) ? number : 0;
  }
  return typeof value === 'number' ? value : 0;
}

/** A lead in the vendor's format, which has 42 fields. */
function vendorStyle(lead) {
  return {
    created_at: text(lead.createdAt),
    purchase_id: text(lead.purchaseId),
    product: text(lead.product) || 'data',
    lead_id: text(lead.leadId),
    vendor_id: text(lead.vendorId),
    vendor_name: text(lead.vendorName),
    vertical_id: text(lead.verticalId),
    account_id: text(lead.accountId),
    account_name: text(lead.accountName),
    campaign_id: text(lead.campaignId),
    campaign_name: text(lead.campaignName),
    bid_type: text(lead.bidType),
    first_name: text(lead.firstName),
    last_name: text(lead.lastName),
    phone: text(lead.phone),
    street_1: text(lead.street1),
    street_2: text(lead.street2),
    email: text(lead.email),
    city: text(lead.city),
    state: text(lead.state),
    zipcode: text(lead.zipcode),
    dob: text(lead.dob),
    gender: text(lead.gender),
    height: text(lead.height),
    household_size: text(lead.householdSize),
    household_income: text(lead.householdIncome),
    weight: text(lead.weight),
    military: flag(lead.military),
    pregnant: flag(lead.pregnant),
    tobacco_user: flag(lead.tobaccoUser),
    has_prescription: flag(lead.hasPrescription),
    has_medicare_parts_a_b: lead.hasMedicarePartsAB === true ? true : '',
    has_medical_condition: flag(lead.hasMedicalCondition),
    medical_conditions: Array.isArray(lead.medicalConditions) ? lead.medicalConditions : '[]',
    insurance_timeframe: text(lead.insuranceTimeframe),
    price: price(lead.price),
    status: text(lead.status),
    disposition: text(lead.disposition),
    call_log_id: text(lead.callLogId),
    call_duration: text(lead.callDuration),
    source_hash: text(lead.sourceHash),
    sub_id_hash: text(lead.subIdHash),
  };
}
