package world

// Places is the world's file of branches and merchants, made up around the
// centre of Urumqi (GCJ-02).
const Places = `branches:
  - {id: urmqccb-1, bank: urmqccb, number: "0101", name: 乌鲁木齐银行新华北路支行, address: 乌鲁木齐市天山区新华北路108号, phone: 0991-9600101,
     hours: 周一至周日 10:00–19:00, services: [个人业务, 公司业务, VIP业务], lat: 43.797542, lng: 87.617733}
  - {id: urmqccb-2, bank: urmqccb, number: "0102", name: 乌鲁木齐银行友好路支行, address: 乌鲁木齐市沙依巴克区友好北路56号, phone: 0991-9600102,
     hours: 周一至周五 10:00–18:30, services: [个人业务, 公司业务], lat: 43.813921, lng: 87.589642}
  - {id: xjrcu-1, bank: xjrcu, number: "0001", name: 新疆农村信用社人民路网点, address: 乌鲁木齐市天山区人民路1号, phone: 0991-9600201,
     hours: 周一至周五 10:00–18:00, services: [个人业务], lat: 43.7921, lng: 87.6262}
merchants:
  - {id: m-1, name: 二道桥大巴扎, address: 乌鲁木齐市天山区解放南路8号, phone: 0991-2100001, offer: 刷卡满100元减10元, lat: 43.7761, lng: 87.6216}
`
